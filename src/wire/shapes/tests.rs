use expect_test::{Expect, expect};
use sidecart_engine::nouns::Timestamp;

use super::*;
use crate::config;

/// 2026-11-23T10:00:00Z.
const NOW: Timestamp = Timestamp(1_795_428_000_000);

fn live() -> Acceptance {
    Acceptance {
        now: NOW,
        allowed_lateness_ms: Some(86_400_000),
        max_future_skew_ms: 300_000,
        currency: "EUR".parse().expect("a currency"),
    }
}

fn mapping(yaml: &str) -> Mapping {
    config::load_text(yaml).expect("a valid config").config.events.mapping.compiled()
}

fn outcomes(bytes: &[u8], envelope: &Envelope, mapping: &Mapping) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    read(Told { bytes, envelope, id: Some("sidecart.events/3/17") }, mapping, &live(), |outcome| {
        outcomes.push(outcome);
    });
    outcomes
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Event(read) => serde_json::to_string(&read.event).expect("JSON"),
        Outcome::Ignored => "ignored".to_owned(),
        Outcome::Refused(refusal) => format!("{}: {}", refusal.why.code.name(), refusal.why),
    }
}

/// Reads each element under a config; gives what became of its events, one per line.
fn check_under(yaml: &str, elements: &[&str], expected: &Expect) {
    let mapping = mapping(yaml);
    let lines = elements.iter().flat_map(|element| outcomes(element.as_bytes(), &Envelope::Plain, &mapping));
    expected.assert_eq(&lines.map(|outcome| shown(&outcome)).collect::<Vec<_>>().join("\n"));
}

fn check(elements: &[&str], expected: &Expect) {
    check_under("{}", elements, expected);
}

fn with_headers(headers: &[(&str, &str)], transport: Transport, data: &str) -> String {
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    match Envelope::of(headers, transport) {
        Ok(envelope) => {
            let outcomes = outcomes(data.as_bytes(), &envelope, &mapping("{}"));
            outcomes.iter().map(shown).collect::<Vec<_>>().join("\n")
        }
        Err(why) => format!("{}: {why}", why.code.name()),
    }
}

#[test]
fn our_own_shape_is_read_as_ever_and_a_record_names_an_event_without_an_id() {
    check(
        &[
            r#"{"eventId":"e","eventType":"view","sessionId":"s","itemId":"i"}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i"}"#,
            r#"{"eventType":"view","itemId":"i"}"#,
            r#"{"sessionId":"s","itemId":"i"}"#,
            r#"{"eventType":"view","#,
            "[]",
        ],
        &expect![[r#"
            {"id":"e","kind":"view","session":"s","at":1795428000000,"lines":[{"item":"i"}]}
            {"id":"sidecart.events/3/17","kind":"view","session":"s","at":1795428000000,"lines":[{"item":"i"}]}
            missing_field: `sessionId` is missing: name the visit, such as the shop's session cookie
            missing_field: `eventType` is missing: give one of view, add_to_cart, remove_from_cart, purchase, impression, click, refund, dismiss
            bad_json: not valid JSON (EOF while parsing a value at line 1 column 20): check its quotes, commas and brackets
            bad_shape: `[]` is not an object: send an object such as {"itemId": ...}"#]],
    );
}

#[test]
fn segments_e_commerce_events_are_understood_without_any_config() {
    check(
        &[
            r#"{"type":"track","event":"Product Viewed","messageId":"m1","anonymousId":"a1","userId":"u1","timestamp":"2026-11-23T09:59:58.000Z",
                "context":{"sessionId":42,"device":{"type":"ios"}},
                "properties":{"product_id":"507f","sku":"G-32","name":"Monopoly","price":18.99,"quantity":1,"currency":"usd"}}"#,
            r#"{"type":"track","event":"Product Added","messageId":"m2","anonymousId":"a1","properties":{"sku":"G-32","price":"18.99","quantity":"2"}}"#,
            r#"{"event":"product_removed","anonymousId":"a1","properties":{"product_id":7,"session_id":"s"}}"#,
            r#"{"type":"track","event":"Order Completed","messageId":"m3","anonymousId":"a1","properties":{"order_id":"50314b8e","total":27.5,"currency":"USD",
                "products":[{"product_id":"507f","price":19,"quantity":1},{"sku":"G-33","price":3,"quantity":2}]}}"#,
            r#"{"type":"track","event":"Order Refunded","messageId":"m4","userId":"u1","properties":{"order_id":"50314b8e","products":[{"product_id":"507f","quantity":1}]}}"#,
            r#"{"type":"track","event":"Product List Viewed","messageId":"m5","anonymousId":"a1","properties":{"list_id":"hot","products":[{"product_id":"x"},{"product_id":"y"}]}}"#,
            r#"{"type":"track","event":"Product Clicked","messageId":"m6","anonymousId":"a1","properties":{"product_id":"x","placement":"cart","attribution_token":"t"}}"#,
            r#"{"batch":[{"type":"track","event":"Product Viewed","anonymousId":"a1","properties":{"product_id":"p"}},
                {"type":"identify","userId":"u1","traits":{}},{"type":"track","event":"Signed Up","userId":"u1"},
                {"type":"track","event":"Product Viewed","anonymousId":"a1","properties":{"product_id":"q"}}],"sentAt":"2026-11-23T10:00:00Z"}"#,
        ],
        &expect![[r#"
            {"id":"m1","kind":"view","session":"42","user":"u1","anonymous":"a1","at":1795427998000,"lines":[{"item":"507f","price":{"minor":1899,"currency":"USD"}}],"context":{"device":"ios"}}
            {"id":"m2","kind":"add_to_cart","session":"a1","anonymous":"a1","at":1795428000000,"lines":[{"item":"G-32","quantity":2,"price":{"minor":1899,"currency":"EUR"}}]}
            {"id":"sidecart.events/3/17","kind":"remove_from_cart","session":"s","anonymous":"a1","at":1795428000000,"lines":[{"item":"7"}]}
            {"id":"m3","kind":"purchase","session":"a1","anonymous":"a1","at":1795428000000,"lines":[{"item":"507f","price":{"minor":1900,"currency":"USD"}},{"item":"G-33","quantity":2,"price":{"minor":300,"currency":"USD"}}],"order":"50314b8e"}
            {"id":"m4","kind":"refund","session":"u1","user":"u1","at":1795428000000,"lines":[{"item":"507f"}],"order":"50314b8e"}
            {"id":"m5","kind":"impression","session":"a1","anonymous":"a1","at":1795428000000,"lines":[{"item":"x"},{"item":"y"}],"placement":"hot"}
            {"id":"m6","kind":"click","session":"a1","anonymous":"a1","at":1795428000000,"lines":[{"item":"x"}],"placement":"cart","attribution_token":"t"}
            {"id":"sidecart.events/3/17/0","kind":"view","session":"a1","anonymous":"a1","at":1795428000000,"lines":[{"item":"p"}]}
            ignored
            ignored
            {"id":"sidecart.events/3/17/3","kind":"view","session":"a1","anonymous":"a1","at":1795428000000,"lines":[{"item":"q"}]}"#]],
    );
}

#[test]
fn ga4_events_are_understood_without_any_config() {
    check(
        &[
            r#"{"client_id":"123.456","user_id":"u1","timestamp_micros":"1795427999000000","consent":{"ad_personalization":"DENIED"},"events":[
                {"name":"view_item","params":{"session_id":"1795420000","currency":"USD","value":7.77,"items":[{"item_id":"SKU_1","item_name":"Tee","price":10.01,"quantity":3}]}},
                {"name":"page_view","params":{"session_id":"1795420000"}},
                {"name":"purchase","timestamp_micros":1795427998000000,"params":{"session_id":1795420000,"transaction_id":"T_1","items":[{"item_id":"SKU_1","quantity":1},{"item_id":"SKU_2","price":"2"}]}}]}"#,
            r#"{"client_id":"123.456","events":[{"name":"view_item_list","params":{"item_list_id":"related","items":[{"item_id":"a"},{"item_id":"b"}]}},
                {"name":"select_item","params":{"items":[{"item_id":"a"}]}}]}"#,
            r#"{"name":"add_to_cart","client_id":"c","params":{"items":[{"item_id":"a","quantity":2}]}}"#,
            r#"{"event":"remove_from_cart","client_id":"c","ecommerce":{"items":[{"item_id":"a"}]}}"#,
            r#"{"event_name":"refund","client_id":"c","ga_session_id":"9","transaction_id":"T_1","items":[{"item_id":"a"}]}"#,
        ],
        &expect![[r#"
            {"id":"sidecart.events/3/17/0","kind":"view","session":"123.456.1795420000","user":"u1","anonymous":"123.456","at":1795427999000,"lines":[{"item":"SKU_1","quantity":3,"price":{"minor":1001,"currency":"USD"}}],"consent":false}
            ignored
            {"id":"sidecart.events/3/17/2","kind":"purchase","session":"123.456.1795420000","user":"u1","anonymous":"123.456","at":1795427998000,"lines":[{"item":"SKU_1"},{"item":"SKU_2","price":{"minor":200,"currency":"EUR"}}],"order":"T_1","consent":false}
            {"id":"sidecart.events/3/17/0","kind":"impression","session":"123.456","anonymous":"123.456","at":1795428000000,"lines":[{"item":"a"},{"item":"b"}],"placement":"related"}
            {"id":"sidecart.events/3/17/1","kind":"click","session":"123.456","anonymous":"123.456","at":1795428000000,"lines":[{"item":"a"}]}
            {"id":"sidecart.events/3/17","kind":"add_to_cart","session":"c","anonymous":"c","at":1795428000000,"lines":[{"item":"a","quantity":2}]}
            {"id":"sidecart.events/3/17","kind":"remove_from_cart","session":"c","anonymous":"c","at":1795428000000,"lines":[{"item":"a"}]}
            {"id":"sidecart.events/3/17","kind":"refund","session":"c.9","anonymous":"c","at":1795428000000,"lines":[{"item":"a"}],"order":"T_1"}"#]],
    );
}

#[test]
fn cloudevents_carry_every_shape() {
    let around = |data: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"1","source":"/shop","type":"com.example.shop.add_to_cart.v1","time":"2026-11-23T09:59:59Z","sessionid":"s9","datacontenttype":"application/json","data":{data}}}"#
        )
    };
    let elements = [
        around(r#"{"eventType":"view","eventId":"e","sessionId":"s","itemId":"i","timestamp":"2026-11-23T09:00:00Z"}"#),
        around(r#"{"itemId":"i","quantity":2}"#),
        around(r#"{"event":"Product Viewed","properties":{"product_id":"p"}}"#),
        around(
            r#"{"client_id":"c","events":[{"name":"view_item","params":{"items":[{"item_id":"a"}]}},{"name":"view_item","params":{"item_id":"b"}}]}"#,
        ),
        around("null"),
        around(r#""{}""#),
        around("{}"),
        around(r#"{"itemId":"i"}"#).replace(r#""sessionid":"s9","#, ""),
        around(r#"{"itemId":"i"}"#).replace("1.0", "0.3"),
        around(r#"{"itemId":"i"}"#).replace("add_to_cart", "hugged"),
        around(r#"{"itemId":"i"}"#).replace(r#""source":"/shop","#, ""),
        around("").replace(r#""data":}"#, r#""data_base64":"eyJpdGVtSWQiOiJpIn0="}"#),
        around("").replace(r#""data":}"#, r#""data_base64":"eyJ"}"#),
    ];
    let elements: Vec<_> = elements.iter().map(String::as_str).collect();
    check(
        &elements,
        &expect![[r#"
            {"id":"e","kind":"view","session":"s","at":1795424400000,"lines":[{"item":"i"}]}
            {"id":"/shop#1","kind":"add_to_cart","session":"s9","at":1795427999000,"lines":[{"item":"i","quantity":2}]}
            {"id":"/shop#1","kind":"view","session":"s9","at":1795427999000,"lines":[{"item":"p"}]}
            {"id":"/shop#1/0","kind":"view","session":"c","anonymous":"c","at":1795427999000,"lines":[{"item":"a"}]}
            {"id":"/shop#1/1","kind":"view","session":"c","anonymous":"c","at":1795427999000,"lines":[{"item":"b"}]}
            bad_shape: `data` is no object: give the event as a JSON object
            bad_shape: `data` is no object: give the event as a JSON object
            missing_field: `data.itemId` is missing: name the item, or the order's lines in `items`
            missing_field: `sessionId` is missing: name the visit, such as the shop's session cookie (looked for at `data.sessionId`, `sessionid`; `events.mapping.cloudevents.fields.sessionId`)
            bad_value: `specversion` is `0.3`: give `1.0`, other versions are not read
            unknown_type: `type` `com.example.shop.hugged.v1` is not known: say what it means in `events.mapping.cloudevents.events`, or give one of view, add_to_cart, remove_from_cart, purchase, impression, click, refund, dismiss
            missing_field: `source` is missing: CloudEvents have `specversion`, `id`, `source` and `type`
            {"id":"/shop#1","kind":"add_to_cart","session":"s9","at":1795427999000,"lines":[{"item":"i"}]}
            bad_shape: `data_base64` is not JSON in base64: give the event as a JSON object"#]],
    );
}

#[test]
fn binary_cloudevents_have_their_attributes_in_headers() {
    let http = [
        ("Content-Type", "application/json"),
        ("ce-specversion", "1.0"),
        ("CE-ID", "1%20a"),
        ("ce-source", "/shop"),
        ("ce-type", "view"),
        ("ce-time", "2026-11-23T09:59:59Z"),
        ("ce-sessionid", "s"),
    ];
    let kafka: Vec<_> = http.iter().map(|(name, value)| (name.to_lowercase().replace("ce-", "ce_"), *value)).collect();
    let kafka: Vec<_> = kafka.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let data = r#"{"itemId":"i"}"#;
    let outcomes = [
        with_headers(&http, Transport::Http, data),
        with_headers(&kafka, Transport::Kafka, data),
        with_headers(&http[1..4], Transport::Http, data),
        with_headers(&http[2..], Transport::Http, data),
        with_headers(&http, Transport::Http, "[{}]"),
        with_headers(&[("content-type", "application/cloudevents+json; charset=utf-8")], Transport::Http, data),
        with_headers(&[("content-type", "application/cloudevents+avro")], Transport::Http, data),
        with_headers(&[("content-type", "application/json")], Transport::Http, data),
    ];
    expect![[r#"
        {"id":"/shop#1 a","kind":"view","session":"s","at":1795427999000,"lines":[{"item":"i"}]}
        {"id":"/shop#1%20a","kind":"view","session":"s","at":1795427999000,"lines":[{"item":"i"}]}
        missing_field: `ce-type` is missing: CloudEvents have `specversion`, `id`, `source` and `type`
        missing_field: `ce-specversion` is missing: CloudEvents have `specversion`, `id`, `source` and `type`
        bad_shape: `[{}]` is not an object: send an object such as {"itemId": ...}
        missing_field: `specversion` is missing: CloudEvents have `specversion`, `id`, `source` and `type`
        bad_shape: `content-type` is `application/cloudevents+avro`: give `application/cloudevents+json`, or the attributes as headers
        missing_field: `eventType` is missing: give one of view, add_to_cart, remove_from_cart, purchase, impression, click, refund, dismiss"#]].assert_eq(&outcomes.join("\n"));
}

#[test]
fn errors_name_the_field_as_its_sender_has_it() {
    check(
        &[
            r#"{"type":"track","event":"Product Viewed","properties":{"product_id":"p"}}"#,
            r#"{"type":"track","event":"Product Viewed","anonymousId":"a","properties":{"name":"Monopoly"}}"#,
            r#"{"type":"track","event":"Order Completed","anonymousId":"a","properties":{"products":[{"product_id":"p"},{"sku":"x","price":-3}]}}"#,
            r#"{"type":"track","event":"Order Completed","anonymousId":"a","properties":{"order_id":{},"products":[{"product_id":"p"}]}}"#,
            r#"{"type":"track","event":"Product Viewed","anonymousId":"a","timestamp":"2026-11-01T00:00:00Z","properties":{"product_id":"p"}}"#,
            r#"{"batch":[{"type":"track","event":"Product Added","anonymousId":"a","properties":{"product_id":"p","quantity":0}},{}]}"#,
            r#"{"client_id":"c","events":[{"name":"view_item","params":{"items":[{"item_name":"Tee"}]}},{"params":{}},3]}"#,
            r#"{"client_id":"c","timestamp_micros":"soon","events":[{"name":"view_item","params":{"items":[{"item_id":"a"}]}}]}"#,
        ],
        &expect![[r#"
            missing_field: `sessionId` is missing: name the visit, such as the shop's session cookie (looked for at `properties.session_id`, `context.sessionId`, `context.session_id`, `anonymousId`, `userId`; `events.mapping.segment.fields.sessionId`)
            missing_field: `properties.product_id` is missing: name the item, or the order's lines in `items`
            bad_price: `properties.products[1].price` `-3` is negative: give an amount of 0 or more
            bad_id: `properties.order_id` is `an object`, which is no id: give a text or a whole number
            too_late: `timestamp` `2026-11-01T00:00:00Z` is 22 days late: at most 24 h is allowed (`events.allowed_lateness`); load history with `sidecart import`
            bad_quantity: `batch[0].properties.quantity` `0` is not a quantity: give a whole number from 1 to 1000000
            missing_field: `batch[1].event` is missing: name the event, or say in `events.mapping.segment.fields.eventType` where its name stands
            missing_field: `events[0].params.items[0].item_id` is missing: name the line's item
            missing_field: `events[1].name` is missing: name the event, or say in `events.mapping.ga4.fields.eventType` where its name stands
            missing_field: `events[2].name` is missing: name the event, or say in `events.mapping.ga4.fields.eventType` where its name stands
            bad_time: `events[0].timestamp_micros` `soon` is not a time: give RFC 3339 (2026-11-23T10:00:00Z) or milliseconds since 1970"#]],
    );
    let many = format!(r#"{{"client_id":"c","events":[{}]}}"#, vec!["{}"; 501].join(","));
    check(&[&many], &expect!["too_many: `events` has 501 messages: at most 500 are allowed, split it"]);
}

#[test]
fn the_config_renames_events_and_fields() {
    check_under(
        "
events:
  mapping:
    segment:
      events: {Wishlist Product Added: view, Product Clicked: ignore}
      fields: {sessionId: [context.traits.visit], itemId: [sku]}
    plain:
      events: {seen: view, hovered: ignore}
      fields: {eventType: [action], sessionId: [visit.id], itemId: [article], timestamp: [at_micros]}
    cloudevents:
      events: {com.example.basket.grew: add_to_cart}
      fields: {sessionId: [subject], items: [data.articles], itemId: [nr]}
",
        &[
            r#"{"event":"Wishlist Product Added","messageId":"m","context":{"traits":{"visit":"v"}},"properties":{"product_id":"p","sku":"s"}}"#,
            r#"{"event":"Product Clicked","context":{"traits":{"visit":"v"}},"properties":{"sku":"s"}}"#,
            r#"{"action":"seen","visit":{"id":8},"article":"i","at_micros":1795427999000000}"#,
            r#"{"action":"hovered","visit":{"id":8}}"#,
            r#"{"action":"licked","visit":{"id":8},"article":"i"}"#,
            r#"{"action":"seen","article":"i"}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i"}"#,
            r#"{"eventType":"view","visit":{"id":8},"article":"i"}"#,
            r#"{"specversion":"1.0","id":"1","source":"s","type":"com.example.basket.grew","subject":"v","data":{"articles":[{"nr":1},"two"]}}"#,
        ],
        &expect![[r#"
            {"id":"m","kind":"view","session":"v","at":1795428000000,"lines":[{"item":"s"}]}
            ignored
            {"id":"sidecart.events/3/17","kind":"view","session":"8","at":1795427999000,"lines":[{"item":"i"}]}
            ignored
            unknown_type: `action` `licked` is not known: say what it means in `events.mapping.plain.events`, or give one of view, add_to_cart, remove_from_cart, purchase, impression, click, refund, dismiss
            missing_field: `sessionId` is missing: name the visit, such as the shop's session cookie (looked for at `visit.id`; `events.mapping.plain.fields.sessionId`)
            {"id":"sidecart.events/3/17","kind":"view","session":"s","at":1795428000000,"lines":[{"item":"i"}]}
            missing_field: `sessionId` is missing: name the visit, such as the shop's session cookie
            {"id":"s#1","kind":"add_to_cart","session":"v","at":1795428000000,"lines":[{"item":"1"},{"item":"two"}]}"#]],
    );
}

#[test]
fn the_docs_name_every_usual_event_and_place() {
    let docs = include_str!("../../../docs/events.md");
    for usual in [Usual::Segment, Usual::Ga4] {
        let names = usual.events().iter().map(|(name, _)| *name);
        let places = usual.places().iter().flat_map(|(_, places)| places.iter().copied());
        for word in names.chain(places) {
            assert!(docs.contains(word), "{word} of {}", usual.name());
        }
    }
}

#[test]
fn a_late_foreign_event_is_kept_in_our_own_shape() {
    let late = br#"{"client_id":"c","timestamp_micros":1795000000000000,"events":[{"name":"view_item","params":{"items":[{"item_id":"a"}]}}]}"#;
    let [Outcome::Refused(refusal)] = &outcomes(late, &Envelope::Plain, &mapping("{}"))[..] else { panic!("refused") };
    let own = refusal.own.as_ref().expect("understood").to_string();
    let history = Acceptance { allowed_lateness_ms: None, ..live() };
    let read = event::read(own.as_bytes(), &history).expect("read as history").event;
    assert_eq!((read.at, read.session.as_str(), read.lines[0].item.as_str()), (Timestamp(1_795_000_000_000), "c", "a"));
}

#[test]
fn the_ids_of_cloudevents_differ_where_source_or_id_do() {
    let id = |source: &str, id: &str| {
        let json = format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"{source}","type":"view","data":{{"sessionId":"s","itemId":"i"}}}}"#
        );
        match &outcomes(json.as_bytes(), &Envelope::Plain, &mapping("{}"))[..] {
            [Outcome::Event(read)] => read.event.id.as_str().to_owned(),
            other => panic!("{other:?}"),
        }
    };
    let long = "x".repeat(200);
    let ids = [id("a", "1"), id("b", "1"), id("a", "2"), id(&long, "1"), id(&long, "2")];
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    assert_eq!(id(&long, "1"), ids[3]);
}

proptest::proptest! {
    /// What a record says is the same on every machine that reads it, whatever it is, and one event at least comes of it
    /// unless it packs none.
    #[test]
    fn any_json_object_is_read_without_panic_and_twice_the_same(
        keys in proptest::collection::vec(proptest::sample::select(vec!["specversion", "type", "event", "properties",
            "events", "batch", "name", "params", "event_name", "ecommerce", "data", "data_base64", "items", "messageId",
            "client_id", "eventType", "sessionId", "itemId", "id", "source", "timestamp", "context"]), 0..8),
        values in proptest::collection::vec(proptest::sample::select(vec!["null", "1", "\"1.0\"", "\"view\"",
            "\"Product Viewed\"", "\"track\"", "{}", "[]", "[{}]", "[1]", "{\"items\":[{\"item_id\":1}]}",
            "{\"products\":[]}", "{\"product_id\":2,\"session_id\":3}", "\"e30=\"", "[[[]]]", "1e300"]), 8),
    ) {
        let members: Vec<_> = keys.iter().zip(&values).map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let json = format!("{{{}}}", members.join(","));
        let mapping = Mapping { plain: None, ..mapping("{}") };
        for envelope in [Envelope::Plain, Envelope::Structured] {
            let first = outcomes(json.as_bytes(), &envelope, &mapping);
            proptest::prop_assert_eq!(&first, &outcomes(json.as_bytes(), &envelope, &mapping));
            proptest::prop_assert!(!first.is_empty() || json.contains("[]"), "nothing came of {}", json);
        }
    }
}

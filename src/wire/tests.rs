use expect_test::{Expect, expect};
use sidecart_engine::nouns::{Currency, Timestamp};

use super::event::{self, Acceptance};
use super::{Code, item, request, stock};

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

/// Reads each element as an event; gives what was read or why not, one per line.
fn check(elements: &[&str], expected: &Expect) {
    let outcomes: Vec<_> = elements
        .iter()
        .map(|element| match event::read(element.as_bytes(), &live()) {
            Ok(read) => serde_json::to_string(&read.event).expect("JSON"),
            Err(rejection) => format!("{}: {rejection}", rejection.code.name()),
        })
        .collect();
    expected.assert_eq(&outcomes.join("\n"));
}

#[test]
fn every_malformed_event_is_told_field_value_and_remedy() {
    check(
        &[
            "nope",
            "[1]",
            r#"{"eventType":"view""#,
            "{}",
            r#"{"eventType":"wiev","sessionId":"s","itemId":"i"}"#,
            r#"{"eventType":"view","itemId":"i"}"#,
            r#"{"eventType":"view","sessionId":"","itemId":"i"}"#,
            r#"{"eventType":"view","sessionId":"s"}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":{"id":1}}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"a\u0000b"}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":1.5}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","price":NaN}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","price":"NaN"}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","price":"cheap"}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","price":-1}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","price":1e300}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","price":true}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","currency":"euros"}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","quantity":0}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","timestamp":"1970-01-01T00:00:00Z"}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","timestamp":0}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","timestamp":"2100-06-01T00:00:00Z"}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","timestamp":"2099-12-31T00:00:00Z"}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","timestamp":"2026-11-20T00:00:00Z"}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","timestamp":"yesterday"}"#,
            r#"{"eventType":"purchase","sessionId":"s","items":[{"itemId":"i"},{"quantity":1}]}"#,
            r#"{"eventType":"purchase","sessionId":"s","items":[{"itemId":"i","price":-2}]}"#,
            r#"{"eventType":"purchase","sessionId":"s","items":"i"}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","consent":"maybe"}"#,
            r#"{"eventType":"view","sessionId":"s","itemId":"i","context":{"ageVerified":-1}}"#,
        ],
        &expect![[r#"
            bad_shape: `nope` is not an object: send an object such as {"itemId": ...}
            bad_shape: `[1]` is not an object: send an object such as {"itemId": ...}
            bad_json: not valid JSON (EOF while parsing an object at line 1 column 19): check its quotes, commas and brackets
            missing_field: `eventType` is missing: give one of view, add_to_cart, remove_from_cart, purchase, impression, click, refund, dismiss
            unknown_type: `eventType` `wiev` is not known: give one of view, add_to_cart, remove_from_cart, purchase, impression, click, refund, dismiss
            missing_field: `sessionId` is missing: name the visit, such as the shop's session cookie
            bad_id: `sessionId` is empty: give a text of 1 to 128 bytes
            missing_field: `itemId` is missing: name the item, or the order's lines in `items`
            bad_id: `itemId` is `an object`, which is no id: give a text or a whole number
            bad_id: `itemId` holds the control character U+0000: remove it
            bad_id: `itemId` is `1.5`, which is no id: give a text or a whole number
            bad_price: `price` is `NaN`, which is not a finite number: give an amount such as 3.49, or leave it out
            bad_price: `price` `NaN` is not a finite number: give an amount such as 3.49
            bad_price: `price` `cheap` is not a number: give an amount such as 3.49
            bad_price: `price` `-1` is negative: give an amount of 0 or more
            bad_price: `price` `1000000000000000000000000000000000000000…` is above 1000000000000: check the unit
            bad_price: `price` `true` is not a number: give an amount such as 3.49
            bad_currency: `currency` `euros` is not a currency: give three letters such as EUR
            bad_quantity: `quantity` `0` is not a quantity: give a whole number from 1 to 1000000
            bad_time: `timestamp` `1970-01-01T00:00:00Z` is outside 1990 to 2100: check the unit (milliseconds since 1970) and the sender's clock
            bad_time: `timestamp` `0` is outside 1990 to 2100: check the unit (milliseconds since 1970) and the sender's clock
            bad_time: `timestamp` `2100-06-01T00:00:00Z` is outside 1990 to 2100: check the unit (milliseconds since 1970) and the sender's clock
            in_future: `timestamp` `2099-12-31T00:00:00Z` is 26700 days ahead of this server's clock: at most 5 min is allowed (`events.max_future_skew`)
            too_late: `timestamp` `2026-11-20T00:00:00Z` is 3 days late: at most 24 h is allowed (`events.allowed_lateness`); load history with `sidecart import`
            bad_time: `timestamp` `yesterday` is not a time: give RFC 3339 (2026-11-23T10:00:00Z) or milliseconds since 1970
            missing_field: `items[1].itemId` is missing: name the line's item
            bad_price: `items[0].price` `-2` is negative: give an amount of 0 or more
            bad_shape: not of the right shape (invalid type: string "i", expected a sequence at line 1 column 51): see /openapi.json
            bad_value: `consent` is `maybe`: give true or false
            bad_value: `context.ageVerified` is `-1`, which is no age: give whole years, such as 18"#]],
    );
}

#[test]
fn bytes_that_are_not_text_are_told_where() {
    let rejection = event::read(b"{\"sessionId\":\"\xff\"}", &live()).expect_err("rejected");
    assert_eq!((rejection.code, rejection.to_string()), (Code::NotUtf8, "byte 15 is not UTF-8: send UTF-8".into()));
}

#[test]
fn shops_may_be_sloppy() {
    check(
        &[
            r#"{"eventId":7,"eventType":"view","sessionId":12,"itemId":18446744073709551615,"userId":"","price":"3.49"}"#,
            r#"{"eventId":"e","eventType":"view","sessionId":"s","itemId":"i","timestamp":"1795427999000","price":null}"#,
            r#"{"eventId":"e","eventType":"view","sessionId":"s","itemId":"i","timestamp":1795427999000.0,"consent":"false"}"#,
            r#"{"eventId":"e","eventType":"add_to_cart","sessionId":"s","itemId":"i","quantity":"2","price":5,"currency":"jpy"}"#,
            r#"{"eventId":"e","eventType":"purchase","sessionId":"s","itemId":"x","items":[{"itemId":"a","quantity":1,"price":2},{"itemId":"b"},{"itemId":"a","quantity":3,"price":1}]}"#,
        ],
        &expect![[r#"
            {"id":"7","kind":"view","session":"12","at":1795428000000,"lines":[{"item":"18446744073709551615","price":{"minor":349,"currency":"EUR"}}]}
            {"id":"e","kind":"view","session":"s","at":1795427999000,"lines":[{"item":"i"}]}
            {"id":"e","kind":"view","session":"s","at":1795427999000,"lines":[{"item":"i"}],"consent":false}
            {"id":"e","kind":"add_to_cart","session":"s","at":1795428000000,"lines":[{"item":"i","quantity":2,"price":{"minor":5,"currency":"JPY"}}]}
            {"id":"e","kind":"purchase","session":"s","at":1795428000000,"lines":[{"item":"a","quantity":4,"price":{"minor":125,"currency":"EUR"}},{"item":"b"}]}"#]],
    );
}

#[test]
fn unknown_fields_are_ignored_and_counted() {
    let element = br#"{"eventType":"view","sessionId":"s","itemId":"i","utm":{"a":1},"color":"red","category":"x"}"#;
    assert_eq!(event::read(element, &live()).map(|read| read.unknown_fields), Ok(2));
}

#[test]
fn an_event_without_an_id_gets_one_of_its_own() {
    let element = br#"{"eventType":"view","sessionId":"s","itemId":"i"}"#;
    let id = || event::read(element, &live()).expect("read").event.id;
    assert_ne!(id(), id());
}

#[test]
fn history_may_be_old_but_not_from_the_future() {
    let history = Acceptance { allowed_lateness_ms: None, ..live() };
    let read = |at: &str| {
        let element = format!(r#"{{"eventType":"view","sessionId":"s","itemId":"i","timestamp":"{at}"}}"#);
        event::read(element.as_bytes(), &history).map(|read| read.event.at).map_err(|rejection| rejection.code)
    };
    assert_eq!(read("1999-01-01"), Ok(Timestamp(915_148_800_000)));
    assert_eq!(read("2027-01-01"), Err(Code::InFuture));
}

#[test]
fn an_item_is_answered_as_it_was_told() {
    let told = br#"{"itemId":5,"groupId":"g","title":"T","brand":"B","categoryPath":["a","b"],"price":"3.49","cost":1,
        "stock":-2,"stockUpdatedAt":"2026-11-23T09:00:00Z","availability":"https://schema.org/OutOfStock",
        "allowedRegions":["GB"],"minAge":"18","consumable":1,"tags":["x",3],"publishAt":"2026-01-01",
        "attributes":{"n":1.5,"f":true,"t":"x","l":["a",2]},"unknown":1}"#;
    let item = item::read(told, Currency::USD, NOW).expect("read");
    let answered = serde_json::to_string_pretty(&item::ItemOutput::from(&item)).expect("JSON");
    expect![[r#"
        {
          "itemId": "5",
          "groupId": "g",
          "title": "T",
          "brand": "B",
          "categoryPath": [
            "a",
            "b"
          ],
          "price": 3.49,
          "currency": "USD",
          "cost": 1.0,
          "stock": 0,
          "stockUpdatedAt": "2026-11-23T09:00:00Z",
          "availability": false,
          "allowedRegions": [
            "GB"
          ],
          "blockedRegions": [],
          "minAge": 18,
          "consumable": true,
          "tags": [
            "x",
            "3"
          ],
          "attributes": {
            "f": true,
            "l": [
              "a",
              "2"
            ],
            "n": 1.5,
            "t": "x"
          },
          "publishAt": "2026-01-01T00:00:00Z"
        }"#]]
    .assert_eq(&answered);
}

#[test]
fn a_patch_tells_clearing_from_leaving() {
    let id = sidecart_engine::nouns::ItemId::new("a").expect("an id");
    let patch = item::read_patch(br#"{"brand":null,"price":2,"tags":null}"#, &id, Currency::USD, NOW).expect("read");
    assert_eq!((&patch.brand, &patch.group, &patch.tags), (&Some(None), &None, &Some(vec![])));
    let json = serde_json::to_string(&patch).expect("JSON");
    assert_eq!(serde_json::from_str::<sidecart_engine::nouns::ItemPatch>(&json).expect("read back"), patch);
    let other = item::read_patch(br#"{"itemId":"b"}"#, &id, Currency::USD, NOW).expect_err("rejected");
    assert_eq!(other.to_string(), "`itemId` is `b`, but the path names `a`: leave it out or name the same item");
}

#[test]
fn malformed_items_and_stock_figures_are_told_why() {
    let item = |json: &str| item::read(json.as_bytes(), Currency::USD, NOW).expect_err("rejected").to_string();
    let stock = |json: &str| stock::read(json.as_bytes(), NOW).expect_err("rejected").to_string();
    let outcomes = [
        item(r#"{"title":"x"}"#),
        item(r#"{"itemId":"i","cost":NaN}"#),
        item(r#"{"itemId":"i","minAge":"adult"}"#),
        item(r#"{"itemId":"i","availability":"sometimes"}"#),
        item(r#"{"itemId":"i","attributes":{"a":{"b":1}}}"#),
        item(r#"{"itemId":"i","categoryPath":["a",{}]}"#),
        item(r#"{"itemId":"i","tags":"x"}"#),
        stock(r#"{"stock":1}"#),
        stock(r#"{"itemId":"i"}"#),
        stock(r#"{"itemId":"i","stock":"many"}"#),
    ];
    expect![[r#"
        `itemId` is missing: name the item
        `cost` is `NaN`, which is not a finite number: give an amount such as 3.49, or leave it out
        `minAge` is `adult`, which is no age: give whole years, such as 18
        `availability` is `sometimes`: give true, false, InStock or OutOfStock
        `attributes.a` is no text, number, flag or list of texts: flatten it
        `categoryPath[1]` is an object: give a text
        not of the right shape (invalid type: string "x", expected a sequence at line 1 column 24): see /openapi.json
        `itemId` is missing: name the item
        `stock` is missing: give the units on hand
        `stock` is `many`, which is no stock figure: give a whole number of units, 0 or more"#]]
    .assert_eq(&outcomes.join("\n"));
}

#[test]
fn malformed_requests_are_told_why() {
    let why = |json: &str| request::read(json.as_bytes(), Currency::USD).expect_err("rejected").to_string();
    let outcomes = [
        why(r#"{"sessionId":"s"}"#),
        why(r#"{"placement":"cart"}"#),
        why(r#"{"placement":"cart","sessionId":"s","limit":0}"#),
        why(r#"{"placement":"cart","sessionId":"s","limit":101}"#),
        why(r#"{"placement":"cart","sessionId":"s","contextItems":["a",""]}"#),
        why(r#"{"placement":"cart","sessionId":"s","strategy":"magic"}"#),
        why(r#"{"placement":"cart","sessionId":"s","filter":{"minPrice":"NaN"}}"#),
        why(r#"{"placement":"cart","sessionId":"s","user":{"ageVerified":true}}"#),
        why(r#"{"placement":"cart","sessionId":"s","deadlineMs":-5}"#),
    ];
    expect![[r#"
        `placement` is missing: name where the answer will be shown, such as cart
        `sessionId` is missing: name the visit, such as the shop's session cookie
        `limit` is `0`: give a whole number from 1 to 100
        `limit` is `101`: give a whole number from 1 to 100
        `contextItems[1]` is empty: give a text of 1 to 128 bytes
        `strategy` is `magic`: give one of realtime, batch, static
        `filter.minPrice` `NaN` is not a finite number: give an amount such as 3.49
        `user.ageVerified` is `true`, which is no age: give whole years, such as 18
        `deadlineMs` is `-5`: give a whole number from 1 to 10000"#]]
    .assert_eq(&outcomes.join("\n"));
}

#[test]
fn the_newest_items_of_a_long_context_count() {
    let items: Vec<_> = (0..150).map(|n| n.to_string()).collect();
    let json = serde_json::json!({"placement": "pdp", "sessionId": 1, "contextItems": items});
    let asked = request::read(json.to_string().as_bytes(), Currency::USD).expect("read");
    let context = asked.request.context_items;
    assert_eq!((context.len(), context[0].as_str(), context[99].as_str()), (100, "50", "149"));
    assert_eq!((asked.request.limit, asked.repeats, asked.deadline_ms), (0, None, None));
}

proptest::proptest! {
    #[test]
    fn no_field_value_makes_a_reader_panic(
        field in proptest::sample::select(vec!["eventId", "eventType", "sessionId", "itemId", "price", "currency",
            "quantity", "items", "timestamp", "consent", "context", "limit", "filter", "cart", "attributes", "stock"]),
        value in proptest::sample::select(vec!["null", "true", "-1", "1e400", "-0.0", "9223372036854775808", "\"\"",
            "\"\\ud800\"", "[]", "[[]]", "{}", "[{}]", "[null]", "NaN", "{\"a\":NaN}", "", "\u{fe0f}"]),
    ) {
        let json = format!(
            r#"{{"{field}":{value},"eventType":"view","sessionId":"s","itemId":"i","placement":"cart","stock":1}}"#
        );
        let told = [
            event::read(json.as_bytes(), &live()).err(),
            item::read(json.as_bytes(), Currency::USD, NOW).err(),
            stock::read(json.as_bytes(), NOW).err(),
            request::read(json.as_bytes(), Currency::USD).err(),
        ];
        for rejection in told.into_iter().flatten() {
            proptest::prop_assert!(rejection.to_string().contains(": "), "no remedy in `{}`", rejection);
        }
    }
}

//! Small streams for tests, in a notation that fits in a line.

use sidecart_engine::nouns::Timestamp;

use super::plan::{Cut, Plan};
use crate::data::{Dataset, NONE, Options, load};

/// A data set from lines of `kind second session item`, with the line `cut` where it is cut.
pub fn dataset(stream: &str) -> (Dataset, Cut) {
    const DAY_S: i64 = 1_590_969_600;
    let mut csv = "event_type,timestamp,session_id,item_id\n".to_owned();
    let (mut place, mut cut) = (0, 0);
    for line in stream.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [kind, second, session, item] = words[..] {
            let at = DAY_S + second.parse::<i64>().expect("a second");
            csv.push_str(&format!("{kind},{at},{session},{item}\n"));
            place += 1;
        } else {
            assert_eq!(words, ["cut"]);
            cut = place;
        }
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("stream.csv");
    std::fs::write(&path, csv).expect("writes");
    let data = load(&Options::of(vec![path])).expect("reads");
    assert_eq!(data.rejections.total, 0, "{:?}", data.rejections);
    let at = data.events().get(cut).map_or(Timestamp(0), |head| head.at);
    (data, Cut { at, place: cut })
}

/// The queries of a plan in words: `@place session: context -> targets`.
pub fn spelled(data: &Dataset, plan: &Plan) -> Vec<String> {
    let names = |items: &[u32]| {
        items.iter().map(|&item| data.item(item).expect("an item").to_string()).collect::<Vec<_>>().join(" ")
    };
    let spell = |query: &super::plan::Query| {
        let session =
            if query.session == NONE { "?" } else { data.session(query.session).expect("a session").as_str() };
        let (context, targets) = (names(plan.items_of(query.context)), names(plan.items_of(query.targets)));
        format!("@{} {session}: {context} -> {targets}", query.before)
    };
    plan.queries.iter().map(spell).collect()
}

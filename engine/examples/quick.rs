#![allow(warnings)]
use sidecart_engine::nouns::*;
use sidecart_engine::*;
use std::collections::HashMap;
use std::io::{BufRead, Read};
fn ms(s: &str) -> i64 {
    // 2016-01-01T00:00:00Z
    let y: i64 = s[0..4].parse().unwrap();
    let m: i64 = s[5..7].parse().unwrap();
    let d: i64 = s[8..10].parse().unwrap();
    let (yy, mm) = if m <= 2 { (y - 1, m + 9) } else { (y, m - 3) };
    let era = yy.div_euclid(400);
    let yoe = yy - era * 400;
    let doy = (153 * mm + 2) / 5 + d - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    let days = era * 146097 + doe - 719468;
    let h: i64 = s[11..13].parse().unwrap();
    let mi: i64 = s[14..16].parse().unwrap();
    let se: i64 = s[17..19].parse().unwrap();
    (days * 86400 + h * 3600 + mi * 60 + se) * 1000
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let cut = ms(&a[2]);
    let live = a[3] == "live";
    let limit: usize = a.get(4).map_or(usize::MAX, |x| x.parse().unwrap());
    let mut engine = Engine::new(Settings::default());
    let f = std::fs::File::open(&a[1]).unwrap();
    let mut sessions: HashMap<String, Vec<ItemId>> = HashMap::new();
    let mut scratch = Scratch::default();
    let (mut n, mut hr, mut mrr) = (0usize, 0usize, 0f64);
    let mut lat = vec![];
    let mut upd = vec![];
    let every: u64 = std::env::var("EVERY").ok().map_or(20, |x| x.parse().unwrap());
    let mut trainer = engine.trainer();
    let mut rnd = 0x9e3779b97f4a7c15u64;
    let from = ms(&std::env::var("FROM").unwrap_or("2000-01-01T00:00:00Z".into()));
    let rate: f32 = std::env::var("RATE").ok().map_or(0.05, |x| x.parse().unwrap());
    let mut found = 0;
    let mut asked = 0;
    let mut known = std::collections::HashSet::new();
    for line in std::io::BufReader::new(f).lines().skip(1) {
        let l = line.unwrap();
        let c: Vec<&str> = l.split(',').collect();
        let at = Timestamp(ms(c[2]));
        let item = ItemId::new(c[5]).unwrap();
        let train = at.0 < cut;
        if known.insert(item.clone()) {
            engine.apply(&Entry { accepted_at: at, record: Record::Item(Box::new(Item::bare(item.clone()))) });
        }
        if !train {
            let s = sessions.entry(c[4].into()).or_default();
            if !s.is_empty() {
                if n >= limit {
                    break;
                }
                let mut r = Request::new(
                    PlacementId::new("pdp").unwrap(),
                    SessionId::new(if live { c[4] } else { "fresh" }).unwrap(),
                    20,
                );
                r.context_items = s.clone();
                r.repeats = Repeats::Allow;
                let t = std::time::Instant::now();
                let slate = engine.recommend(&r, at, &mut Unhurried, &mut scratch);
                lat.push(t.elapsed().as_nanos() as f64 / 1e3);
                n += 1;
                if let Some(p) = slate.picks.iter().position(|p| p.item_id == item) {
                    hr += 1;
                    mrr += 1.0 / (p + 1) as f64;
                }
            }
            s.push(item.clone());
        }
        if train || live {
            let e = Event {
                id: EventId::new(c[0]).unwrap(),
                kind: EventKind::from_name(c[1]).unwrap(),
                session: SessionId::new(c[4]).unwrap(),
                user: None,
                anonymous: None,
                at,
                lines: vec![Line { item, quantity: 1, price: None }],
                order: None,
                placement: None,
                attribution_token: None,
                consent: None,
                context: None,
            };
            rnd ^= rnd << 13;
            rnd ^= rnd >> 7;
            rnd ^= rnd << 17;
            if rnd % every == 0 && at.0 >= from {
                asked += 1;
                if let Some(l) = engine.lesson(&e, at, &mut scratch) {
                    found += 1;
                    trainer.take(&l, if train { rate } else { rate * 0.4 });
                    if trainer.lessons() % 500 == 0 || (live && !train) {
                        let m = trainer.publish(engine.model());
                        engine.apply(&sidecart_engine::nouns::Entry {
                            accepted_at: at,
                            record: Record::Model(Box::new(m)),
                        });
                    }
                }
            }
            let e = Entry { accepted_at: at, record: Record::Event(Box::new(e)) };
            let t = std::time::Instant::now();
            engine.apply(&e);
            upd.push(t.elapsed().as_nanos() as f64 / 1e3);
        }
    }
    lat.sort_by(f64::total_cmp);
    upd.sort_by(f64::total_cmp);
    let q = |v: &Vec<f64>, p: f64| v[((v.len() - 1) as f64 * p) as usize];
    println!(
        "n {n} HR@20 {:.4} MRR@20 {:.4} query us p50 {:.0} p95 {:.0} p99 {:.0} update p50 {:.1} p99 {:.1}",
        hr as f64 / n as f64,
        mrr / n as f64,
        q(&lat, 0.5),
        q(&lat, 0.95),
        q(&lat, 0.99),
        q(&upd, 0.5),
        q(&upd, 0.99)
    );
    println!("{:?}", engine.sizes());
    let _ = std::io::stdin().read(&mut []);
}

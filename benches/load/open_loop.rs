//! Questions that are sent when they are due, whatever has become of those before: an open loop, as shoppers are one.
//!
//! One thread and many connections that are kept. A question is taken up by the next connection that is free; it counts
//! from the instant it was due, so what it had to wait for in the load counts as well.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::LocalSet;

/// Longer than any answer takes; a connection on which nothing came within it is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How far ahead the first question is due: all connections stand by then.
const AHEAD: Duration = Duration::from_millis(50);
/// The largest answer read; theirs have some 2 KiB.
const MAX_ANSWER: usize = 256 * 1024;
/// What is read at once at most, at first.
const FIRST_READ: usize = 8 * 1024;

/// How many questions to ask, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Questions a second, evenly spaced.
    pub rate: f64,
    pub length: Duration,
    /// Connections: as many questions can be open at once.
    pub connections: usize,
}

/// What became of a question.
#[derive(Debug, Clone)]
pub struct Answered {
    /// Its number, from 0 on.
    pub number: u64,
    /// When it was due, since the beginning.
    pub due: Duration,
    /// From then until the answer was read.
    pub took: Duration,
    /// From the sending until the answer was read.
    pub served: Duration,
    /// 0: the connection broke.
    pub status: u16,
    /// The rung that it says served it; empty: none.
    pub tier: String,
}

/// What connections and clock share.
#[derive(Default)]
struct Desk {
    due: RefCell<VecDeque<(u64, Duration)>>,
    news: Notify,
    answered: RefCell<Vec<Answered>>,
    is_over: std::cell::Cell<bool>,
}

/// Asks the server at `address` (host and port) as planned; `body` gives the question of a number. Gives what became of
/// each, by number.
pub fn ask(address: &str, plan: Plan, body: impl Fn(u64) -> String + 'static) -> Vec<Answered> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut answered = LocalSet::new().block_on(&runtime, run(address.to_owned(), plan, Rc::new(body)));
    answered.sort_by_key(|answered| answered.number);
    answered
}

async fn run(address: String, plan: Plan, body: Rc<dyn Fn(u64) -> String>) -> Vec<Answered> {
    let desk = Rc::new(Desk::default());
    let mut streams = Vec::with_capacity(plan.connections);
    for _ in 0..plan.connections {
        streams.push(connect(&address).await);
    }
    let begun = Instant::now() + AHEAD;
    let lines: Vec<_> = streams
        .into_iter()
        .map(|stream| {
            let line = Line {
                stream,
                address: address.clone(),
                desk: Rc::clone(&desk),
                begun,
                read: Vec::with_capacity(FIRST_READ),
            };
            tokio::task::spawn_local(line.serve(Rc::clone(&body)))
        })
        .collect();
    for number in 0..(plan.rate * plan.length.as_secs_f64()) as u64 {
        let due = Duration::from_secs_f64(number as f64 / plan.rate);
        // The clock ticks in milliseconds: those that fall due within one go out together.
        if begun + due > Instant::now() {
            tokio::time::sleep_until((begun + due).into()).await;
        } else if number % 64 == 0 {
            tokio::task::yield_now().await;
        }
        desk.due.borrow_mut().push_back((number, due));
        desk.news.notify_one();
    }
    while !desk.due.borrow().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    desk.is_over.set(true);
    desk.news.notify_waiters();
    for line in lines {
        line.await.expect("no panic");
    }
    desk.answered.take()
}

async fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// A connection that is kept.
struct Line {
    stream: TcpStream,
    address: String,
    desk: Rc<Desk>,
    begun: Instant,
    read: Vec<u8>,
}

impl Line {
    async fn serve(mut self, body: Rc<dyn Fn(u64) -> String>) {
        while let Some((number, due)) = self.next().await {
            let (sent, request) = (Instant::now(), request(&body(number)));
            let answer = tokio::time::timeout(PATIENCE, self.exchange(&request)).await.unwrap_or(None);
            let (took, served) = ((self.begun + due).elapsed(), sent.elapsed());
            let is_broken = answer.is_none();
            let (status, tier) = answer.unwrap_or_default();
            self.desk.answered.borrow_mut().push(Answered { number, due, took, served, status, tier });
            if is_broken {
                self.stream = connect(&self.address).await;
            }
        }
    }

    /// The next question that is due; `None`: there are no more.
    async fn next(&self) -> Option<(u64, Duration)> {
        loop {
            // Registered before it looks, so that nothing is missed in between.
            let news = self.desk.news.notified();
            if let Some(due) = self.desk.due.borrow_mut().pop_front() {
                return Some(due);
            }
            if self.desk.is_over.get() {
                return None;
            }
            news.await;
        }
    }

    /// Status and rung of the answer; `None`: the connection broke.
    async fn exchange(&mut self, request: &[u8]) -> Option<(u16, String)> {
        self.stream.write_all(request).await.ok()?;
        self.read.clear();
        loop {
            if self.stream.read_buf(&mut self.read).await.ok()? == 0 || self.read.len() > MAX_ANSWER {
                return None;
            }
            if let Some(answer) = whole(&self.read) {
                return Some(answer);
            }
        }
    }
}

fn request(body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /v1/recommendations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Status and rung, once all of the answer is there.
fn whole(bytes: &[u8]) -> Option<(u16, String)> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let length: usize = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })?;
    let tier =
        |body: &str| body.split_once(r#""tier":""#).and_then(|(_, rest)| rest.split('"').next().map(str::to_owned));
    (body.len() >= length).then(|| (status, tier(body).unwrap_or_default()))
}

/// The time within which this share of the answers was there.
pub fn percentile<'a>(answered: impl Iterator<Item = &'a Answered>, share: f64) -> Duration {
    let mut took: Vec<Duration> = answered.map(|answered| answered.took).collect();
    took.sort_unstable();
    let at = (took.len().saturating_sub(1) as f64 * share) as usize;
    took.get(at).copied().unwrap_or_default()
}

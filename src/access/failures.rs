use std::net::IpAddr;
use std::time::Instant;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::rate::Bucket;

/// Requests without a valid key that an address may send at once: some tries of a person who sets a client up.
const AT_ONCE: f64 = 20.0;
/// And how many a second after that.
const PER_SECOND: f64 = 1.0;
/// Addresses remembered at most, some 400 KiB. Beyond, all are forgotten and begin anew, which gives each [`AT_ONCE`]
/// more tries: whoever has that many addresses is not held by a limit per address.
const MAX_ADDRESSES: usize = 8_192;

/// How often each address came without a valid key lately.
#[derive(Debug, Default)]
pub struct Failures(Mutex<FxHashMap<IpAddr, Bucket>>);

impl Failures {
    /// Notes a failure from `address` at `now`; false: there were too many.
    pub fn note(&self, address: IpAddr, now: Instant) -> bool {
        let mut addresses = self.0.lock();
        let address = network(address);
        if addresses.len() >= MAX_ADDRESSES && !addresses.contains_key(&address) {
            addresses.clear();
        }
        addresses.entry(address).or_insert_with(|| Bucket::full(AT_ONCE, now)).take(AT_ONCE, PER_SECOND, now)
    }
}

/// One client has all addresses of an IPv6 network of 64 bits; an IPv4 address may be written as an IPv6 one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_client_fails_some_times_at_once_and_then_once_a_second() {
        let (failures, start) = (Failures::default(), Instant::now());
        let noted = |client: &str, at: u64| {
            (0..100).filter(|_| failures.note(address(client), start + Duration::from_secs(at))).count()
        };
        assert_eq!(noted("192.0.2.1", 0), 20);
        assert_eq!(noted("::ffff:192.0.2.1", 0), 0, "the same client");
        assert_eq!(noted("192.0.2.2", 0), 20);
        assert_eq!(noted("192.0.2.1", 5), 5);
        assert_eq!(noted("2001:db8::1", 0), 20);
        assert_eq!(noted("2001:db8::ffff:2", 0), 0, "the same network");
        assert_eq!(noted("2001:db8:0:1::1", 0), 20);
    }

    #[test]
    fn no_number_of_clients_takes_more_than_the_table() {
        let (failures, now) = (Failures::default(), Instant::now());
        for n in 0..3 * MAX_ADDRESSES as u32 {
            assert!(failures.note(IpAddr::V4(n.into()), now));
            assert!(failures.0.lock().len() <= MAX_ADDRESSES);
        }
    }
}

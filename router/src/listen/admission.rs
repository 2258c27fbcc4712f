//! How many connections a listener has, all in all and from each source address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use trunkline_config::Listener;

use super::Source;
use crate::counters::Counters;

/// Connections over a limit that are being told so at a time. Those beyond are closed without a word.
const REFUSALS_MAX: usize = 64;

/// The places of one listener.
#[derive(Debug)]
pub(crate) struct Admission {
    connections_max: usize,
    per_address_max: usize,
    counters: Arc<Counters>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    connections: usize,
    by_address: HashMap<IpAddr, usize>,
    refusals: usize,
}

/// What one connection takes, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Of a connection whose source address, if it has one, is not known.
    Anywhere,
    /// Of a connection that counts for that address.
    Of(IpAddr),
    /// Of a connection that shall be told that there is no place.
    Refusal,
    /// Of nobody.
    None,
}

/// There is no place, and too many are being told so already: close the connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overrun;

impl Admission {
    pub(crate) fn new(listener: &Listener, counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Self {
            connections_max: listener.connections_max,
            per_address_max: listener.connections_per_address_max,
            counters,
            taken: Mutex::default(),
        })
    }

    /// A place for a connection that was just accepted.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Place, Overrun> {
        let mut place = Place { admission: self.clone(), kind: Kind::None };
        let mut taken = self.taken.lock();
        if taken.connections < self.connections_max {
            taken.connections += 1;
            place.kind = Kind::Anywhere;
        } else {
            self.counters.connections_refused.increment();
            place.kind = taken.refuse()?;
        }
        drop(taken);
        Ok(place)
    }
}

impl Taken {
    fn refuse(&mut self) -> Result<Kind, Overrun> {
        if self.refusals == REFUSALS_MAX {
            return Err(Overrun);
        }
        self.refusals += 1;
        Ok(Kind::Refusal)
    }

    fn give_back(&mut self, kind: Kind) {
        match kind {
            Kind::Anywhere => self.connections -= 1,
            Kind::Of(address) => {
                self.connections -= 1;
                if let Some(count) = self.by_address.get_mut(&address) {
                    *count -= 1;
                    if *count == 0 {
                        self.by_address.remove(&address);
                    }
                }
            }
            Kind::Refusal => self.refusals -= 1,
            Kind::None => {}
        }
    }
}

impl Place {
    /// Whether the connection may stay. If not, its peer shall hear of it.
    pub(crate) fn is_granted(&self) -> bool {
        matches!(self.kind, Kind::Anywhere | Kind::Of(_))
    }

    /// Counts the connection for its source address, which may turn its place into a refusal.
    ///
    /// It counts once, and for one that has an address.
    pub(crate) fn count_for(&mut self, source: Source) -> Result<(), Overrun> {
        let (Kind::Anywhere, Some(address)) = (self.kind, source.network()) else {
            return Ok(());
        };
        let mut taken = self.admission.taken.lock();
        let count = taken.by_address.get(&address).copied().unwrap_or_default();
        if count < self.admission.per_address_max {
            taken.by_address.insert(address, count + 1);
            self.kind = Kind::Of(address);
            return Ok(());
        }
        self.admission.counters.connections_refused_by_address.increment();
        taken.give_back(self.kind);
        self.kind = Kind::None;
        self.kind = taken.refuse()?;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.taken.lock().give_back(self.kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(connections_max: usize, connections_per_address_max: usize) -> Arc<Admission> {
        let listener = Listener { connections_max, connections_per_address_max, ..Listener::default() };
        Admission::new(&listener, Arc::default())
    }

    fn enter(admission: &Arc<Admission>, address: &str) -> Place {
        let mut place = admission.enter().unwrap();
        place.count_for(Source::Address(address.parse().unwrap())).unwrap();
        place
    }

    #[test]
    fn a_place_is_free_again_once_its_connection_is_gone() {
        let admission = admission(1, 1);
        let first = enter(&admission, "192.0.2.1");
        assert!(first.is_granted());
        assert!(!enter(&admission, "192.0.2.2").is_granted());
        drop(first);
        assert!(enter(&admission, "192.0.2.1").is_granted());
        assert_eq!(admission.counters.connections_refused.value(), 1);
        assert!(admission.taken.lock().by_address.is_empty(), "addresses are forgotten");
    }

    #[test]
    fn an_address_over_its_limit_takes_no_place_from_others() {
        let admission = admission(2, 1);
        let _first = enter(&admission, "192.0.2.1");
        let refused = enter(&admission, "192.0.2.1");
        assert!(!refused.is_granted());
        assert!(enter(&admission, "192.0.2.2").is_granted());
        assert_eq!(admission.counters.connections_refused_by_address.value(), 1);
    }

    #[test]
    fn ipv6_counts_by_network_and_a_mapped_address_as_ipv4() {
        let admission = admission(8, 1);
        let _places = [enter(&admission, "2001:db8::1"), enter(&admission, "192.0.2.1")];
        assert!(!enter(&admission, "2001:db8::ffff:1:2").is_granted());
        assert!(!enter(&admission, "::ffff:192.0.2.1").is_granted());
        assert!(enter(&admission, "2001:db8:0:1::1").is_granted());
    }

    #[test]
    fn refusals_under_way_are_bounded() {
        let admission = admission(0, 1);
        let mut refusals: Vec<_> = (0..REFUSALS_MAX).map(|_| admission.enter().unwrap()).collect();
        assert_eq!(admission.enter().unwrap_err(), Overrun);
        refusals.pop();
        assert!(admission.enter().is_ok());
    }
}

//! How many connections a listener has and how many of them are in their handshake, all in all and from each source
//! address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use trunkline_config::Listener;

use super::Source;
use crate::counters::Counters;
use crate::memory::MemoryBudget;

/// Connections over a limit that are being told so at a time. Those beyond are closed without a word.
const REFUSALS_MAX: usize = 64;

/// The places of one listener.
#[derive(Debug)]
pub(crate) struct Admission {
    connections_max: usize,
    handshakes_max: usize,
    per_address_max: Load,
    counters: Arc<Counters>,
    memory: Arc<MemoryBudget>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: Load,
    by_address: HashMap<IpAddr, Load>,
    refusals: usize,
}

/// Connections, and those of them that are in their handshake.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    connections: usize,
    handshakes: usize,
}

/// What one connection takes, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    kind: Kind,
    /// Whether it counts for the handshakes, too.
    is_handshake: bool,
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
    pub(crate) fn new(listener: &Listener, counters: Arc<Counters>, memory: Arc<MemoryBudget>) -> Arc<Self> {
        Arc::new(Self {
            connections_max: listener.connections_max,
            handshakes_max: listener.handshakes_max,
            per_address_max: Load {
                connections: listener.connections_per_address_max,
                handshakes: listener.handshakes_per_address_max,
            },
            counters,
            memory,
            taken: Mutex::default(),
        })
    }

    /// A place for a connection that was just accepted.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Place, Overrun> {
        let mut place = Place { admission: self.clone(), kind: Kind::None, is_handshake: false };
        let mut taken = self.taken.lock();
        if taken.all.connections >= self.connections_max {
            self.counters.connections_refused.increment();
            place.kind = taken.refuse()?;
        } else if taken.all.handshakes >= self.handshakes_max {
            self.counters.handshakes_over_limit.increment();
            place.kind = taken.refuse()?;
        } else if self.memory.is_exceeded() {
            self.counters.connections_refused_for_memory.increment();
            place.kind = taken.refuse()?;
        } else {
            taken.all.add();
            place.kind = Kind::Anywhere;
            place.is_handshake = true;
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

    /// Takes back what a place counted for: the connection, the handshake, or both.
    fn give_back(&mut self, kind: Kind, given: Load) {
        match kind {
            Kind::Anywhere => self.all.remove(given),
            Kind::Of(address) => {
                self.all.remove(given);
                if let Some(load) = self.by_address.get_mut(&address) {
                    load.remove(given);
                    if load.connections == 0 {
                        self.by_address.remove(&address);
                    }
                }
            }
            Kind::Refusal => self.refusals -= given.connections,
            Kind::None => {}
        }
    }
}

impl Load {
    /// Adds a connection, which begins with its handshake.
    fn add(&mut self) {
        self.connections += 1;
        self.handshakes += 1;
    }

    fn remove(&mut self, other: Self) {
        self.connections -= other.connections;
        self.handshakes -= other.handshakes;
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
        let max = &self.admission.per_address_max;
        let load = taken.by_address.entry(address).or_default();
        let counters = &self.admission.counters;
        let over = if load.connections >= max.connections {
            &counters.connections_refused_by_address
        } else if load.handshakes >= max.handshakes {
            &counters.handshakes_over_limit_by_address
        } else {
            load.add();
            self.kind = Kind::Of(address);
            return Ok(());
        };
        over.increment();
        taken.give_back(self.kind, self.load());
        self.kind = Kind::None;
        self.is_handshake = false;
        self.kind = taken.refuse()?;
        Ok(())
    }

    /// The handshake is over, which makes room for another one. The connection keeps its place.
    pub(crate) fn end_handshake(&mut self) {
        if self.is_handshake {
            self.is_handshake = false;
            self.admission.taken.lock().give_back(self.kind, Load { connections: 0, handshakes: 1 });
        }
    }

    /// What it counts for.
    fn load(&self) -> Load {
        Load { connections: 1, handshakes: usize::from(self.is_handshake) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.taken.lock().give_back(self.kind, self.load());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(connections_max: usize, connections_per_address_max: usize) -> Arc<Admission> {
        of(&Listener { connections_max, connections_per_address_max, ..Listener::default() })
    }

    fn of(listener: &Listener) -> Arc<Admission> {
        Admission::new(listener, Arc::default(), Arc::default())
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
    fn a_handshake_that_is_over_makes_room_for_another_and_keeps_its_place() {
        let admission = of(&Listener { handshakes_max: 1, connections_max: 2, ..Listener::default() });
        let mut first = enter(&admission, "192.0.2.1");
        assert!(!enter(&admission, "192.0.2.2").is_granted());
        first.end_handshake();
        first.end_handshake();
        let second = enter(&admission, "192.0.2.1");
        assert!(second.is_granted());
        let counters = &admission.counters;
        assert_eq!((counters.handshakes_over_limit.value(), counters.connections_refused.value()), (1, 0));
        assert!(!enter(&admission, "192.0.2.2").is_granted());
        assert_eq!(counters.connections_refused.value(), 1);
        // However a connection ends, nothing of it is left.
        drop((first, second));
        let taken = admission.taken.lock();
        assert_eq!((taken.all.connections, taken.all.handshakes, taken.by_address.len()), (0, 0, 0));
    }

    #[test]
    fn an_address_with_too_many_handshakes_takes_none_from_others() {
        let listener = Listener { handshakes_max: 3, handshakes_per_address_max: 1, ..Listener::default() };
        let admission = of(&listener);
        let mut first = enter(&admission, "192.0.2.1");
        let refused = [(); 4].map(|()| enter(&admission, "192.0.2.1"));
        assert!(refused.iter().all(|place| !place.is_granted()));
        assert_eq!(admission.counters.handshakes_over_limit_by_address.value(), 4);
        assert!(enter(&admission, "192.0.2.2").is_granted());
        first.end_handshake();
        assert!(enter(&admission, "192.0.2.1").is_granted());
        drop((first, refused));
        assert!(admission.taken.lock().by_address.is_empty());
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

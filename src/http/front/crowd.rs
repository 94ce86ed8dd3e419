//! Who is connected: how many in all, and of one address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use super::{
    life::{Life, Order},
    limits::Limits,
};
use crate::app::sessions::attempts::network;

/// Why somebody can't come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    /// The room is full.
    Full,
    /// So many are here from that address.
    Peer,
}

#[derive(Debug)]
struct Guest {
    peer: IpAddr,
    life: Arc<Life>,
}

#[derive(Debug, Default)]
struct Table {
    guests: HashMap<u64, Guest>,
    next: u64,
    connections: HashMap<IpAddr, u32>,
    asking: HashMap<IpAddr, u32>,
    requests: u32,
}

/// All connections, and all requests that run.
#[derive(Debug)]
pub(super) struct Crowd {
    connections: u32,
    per_peer: u32,
    /// Whether connections are a proxy's; then only requests are counted by address.
    proxied: bool,
    table: Mutex<Table>,
}

impl Crowd {
    pub(super) fn new(limits: &Limits, proxied: bool) -> Self {
        Self {
            connections: limits.connections,
            per_peer: limits.per_peer,
            proxied,
            table: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("no holder of this lock panics")
    }

    /// Lets a connection in. Where there is no room, the one on which no request has run for
    /// longest gives way.
    ///
    /// # Errors
    /// Requests run on all of them.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Place, Turned> {
        let peer = network(peer);
        let mut table = self.lock();
        let of_peer = table.connections.get(&peer).copied().unwrap_or_default();
        if !self.proxied && of_peer >= self.per_peer && !table.give_way(Some(peer)) {
            return Err(Turned::Peer);
        }
        let all = u32::try_from(table.guests.len()).unwrap_or(u32::MAX);
        if all >= self.connections && !table.give_way(None) {
            return Err(Turned::Full);
        }
        let number = table.next;
        table.next += 1;
        let life = Arc::new(Life::new());
        *table.connections.entry(peer).or_default() += 1;
        let guest = Guest {
            peer,
            life: life.clone(),
        };
        table.guests.insert(number, guest);
        Ok(Place {
            crowd: self.clone(),
            number,
            life,
        })
    }

    /// Lets a request run.
    ///
    /// # Errors
    /// So many run already, in all or from that address.
    pub(super) fn ask(self: &Arc<Self>, peer: IpAddr) -> Result<Asking, Turned> {
        let peer = network(peer);
        let mut table = self.lock();
        if table.requests >= self.connections {
            return Err(Turned::Full);
        }
        let of_peer = table.asking.entry(peer).or_default();
        if *of_peer >= self.per_peer {
            return Err(Turned::Peer);
        }
        *of_peer += 1;
        table.requests += 1;
        drop(table);
        Ok(Asking {
            crowd: self.clone(),
            peer,
        })
    }

    /// Tells every connection what to do.
    pub(super) fn tell(&self, order: Order) {
        for guest in self.lock().guests.values() {
            guest.life.tell(order);
        }
    }
}

impl Table {
    /// Sends away whoever has been quiet for longest, of one address or of all.
    fn give_way(&mut self, peer: Option<IpAddr>) -> bool {
        let quiet = self
            .guests
            .iter()
            .filter(|(_, guest)| peer.is_none_or(|peer| guest.peer == peer))
            .filter_map(|(number, guest)| Some((guest.life.quiet_since()?, *number)))
            .min();
        let Some((_, number)) = quiet else {
            return false;
        };
        if let Some(guest) = self.leave(number) {
            guest.life.tell(Order::Leave);
        }
        true
    }

    fn leave(&mut self, number: u64) -> Option<Guest> {
        let guest = self.guests.remove(&number)?;
        one_less(&mut self.connections, guest.peer);
        Some(guest)
    }
}

fn one_less(counts: &mut HashMap<IpAddr, u32>, peer: IpAddr) {
    if let Some(count) = counts.get_mut(&peer) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&peer);
        }
    }
}

/// A connection's place; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    number: u64,
    pub(super) life: Arc<Life>,
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.crowd.lock().leave(self.number));
    }
}

/// A running request's place.
#[derive(Debug)]
pub(super) struct Asking {
    crowd: Arc<Crowd>,
    peer: IpAddr,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut table = self.crowd.lock();
        table.requests -= 1;
        one_less(&mut table.asking, self.peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(proxied: bool) -> Arc<Crowd> {
        let limits = Limits {
            connections: 4,
            per_peer: 2,
            ..Limits::default()
        };
        Arc::new(Crowd::new(&limits, proxied))
    }

    fn peer(n: u8) -> IpAddr {
        [10, 0, 0, n].into()
    }

    fn told(place: &Place) -> Order {
        place.life.order(futures::task::noop_waker_ref())
    }

    #[test]
    fn the_quiet_give_way_first_to_their_own() {
        let crowd = crowd(false);
        let first = crowd.enter(peer(1)).expect("room");
        let second = crowd.enter(peer(1)).expect("room");
        let busy = first.life.request();
        let third = crowd.enter(peer(1)).expect("the second gives way");
        assert_eq!((told(&first), told(&second)), (Order::None, Order::Leave));
        let more = third.life.request();
        assert_eq!(crowd.enter(peer(1)).err(), Some(Turned::Peer));
        drop((busy, more, second));
        assert!(crowd.enter(peer(1)).is_ok());
    }

    #[test]
    fn a_full_room_turns_away_only_when_all_are_busy() {
        let crowd = crowd(false);
        let places: Vec<_> = (0..4)
            .map(|n| crowd.enter(peer(n)).expect("room"))
            .collect();
        let busy: Vec<_> = places[1..]
            .iter()
            .map(|place| place.life.request())
            .collect();
        let late = crowd.enter(peer(9)).expect("the first gives way");
        assert_eq!(told(&places[0]), Order::Leave);
        let also = late.life.request();
        assert_eq!(crowd.enter(peer(8)).err(), Some(Turned::Full));
        drop((busy, also, places, late));
        assert!(crowd.lock().guests.is_empty() && crowd.lock().connections.is_empty());
    }

    #[test]
    fn a_proxy_has_many_connections_and_its_clients_few_requests() {
        let crowd = crowd(true);
        let places: Vec<_> = (0..3)
            .map(|_| crowd.enter(peer(1)).expect("room"))
            .collect();
        assert_eq!(told(&places[0]), Order::None);
        let one = crowd.ask(peer(5)).expect("few");
        let _two = crowd.ask(peer(5)).expect("few");
        assert_eq!(crowd.ask(peer(5)).err(), Some(Turned::Peer));
        let _three = crowd.ask(peer(6)).expect("few");
        drop(one);
        let _four = crowd.ask(peer(5)).expect("few");
        let _five = crowd.ask(peer(7)).expect("few");
        assert_eq!(crowd.ask(peer(8)).err(), Some(Turned::Full));
    }
}

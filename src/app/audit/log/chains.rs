//! Chains without gaps: each entry has the number after the one before it, and names its `C`.

use std::collections::HashMap;

use custos_core::hash::Hash;

use crate::{
    app::audit::{Audit, ChainOf, Place},
    db::entries::{Chain, ChainHead},
};

/// The newest entry of every chain so far.
#[derive(Default)]
pub(super) struct Chains(HashMap<Chain, ChainHead>);

/// An entry's place in a chain.
pub(super) struct Link {
    pub(super) chain: Chain,
    pub(super) nth: u64,
    /// The `C` that it names as the one before it; `Err` where its slots can't be read.
    pub(super) prev: Result<Option<Hash>, ()>,
    /// Its own `C`.
    pub(super) c: Hash,
    pub(super) index: i64,
}

impl Chains {
    /// Takes the next entry of a chain.
    pub(super) fn take(&mut self, audit: &mut Audit<'_>, link: &Link) {
        let before = self.0.insert(
            link.chain,
            ChainHead {
                nth: link.nth,
                c: link.c,
            },
        );
        let expected = before.map_or(1, |before| before.nth + 1);
        let what = if link.nth > expected {
            "what comes before it in the chain is missing"
        } else if link.nth < expected {
            "its number in the chain was given before"
        } else if link
            .prev
            .is_ok_and(|prev| prev != before.map(|before| before.c))
        {
            "it does not name what comes before it in the chain"
        } else {
            return;
        };
        let (scope, which) = match link.chain {
            Chain::Scope(scope) => (scope, ChainOf::Scope),
            Chain::Items(scope) => (scope, ChainOf::Items),
            Chain::Subject(scope, _) => (scope, ChainOf::Subject),
        };
        let place = Place::Chain {
            scope,
            which,
            nth: link.nth,
            index: link.index,
        };
        audit.report.found(place, what);
    }
}

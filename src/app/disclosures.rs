//! Serving: an item to a party, once, for ever.

use custos_core::{
    event::{kind, slot},
    ids::{CaseId, ItemId, PartyId, RowId},
};
use serde_json::json;

use super::{
    SignedIn,
    context::Room,
    entering::{Entered, Tx},
    error::Error,
    evidence::of_item,
    notices::{self, Event},
    writer::{Command, Done, Stop},
};
use crate::{
    db::{
        bound, decide,
        disclosures::{self, ServingRow},
    },
    policy::{action::Serve, facts::Resource},
};

/// Serves an item to a party. From now on its counsel sees it, and takes with it the bundle
/// that ends with this moment: what counsel does with it is entered where only the court
/// reads it.
///
/// # Errors
/// Refused, a party of another case, or served to that party before.
pub async fn serve(
    room: &Room,
    who: &SignedIn,
    item: ItemId,
    party: PartyId,
) -> Result<Done<Entered>, Error> {
    let command = ServeItem {
        who: *who,
        item,
        party,
    };
    room.change(who, command).await
}

struct ServeItem {
    who: SignedIn,
    item: ItemId,
    party: PartyId,
}

impl Command for ServeItem {
    type Output = Entered;

    fn run(self, tx: &mut Tx<'_>) -> Result<Entered, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.item::<Serve>(&asking, self.item)?;
        let case: CaseId = facts.item.case;
        let permit = tx.permit::<Serve>(&asking, &Resource::Item(facts.item.clone()))?;
        let core = tx.core;
        if !decide::party_in_case(tx.connection, &core.keyring, &facts.case, self.party)? {
            return Err(Error::invalid("`party` is not a party to this case").into());
        }
        if facts.item.served_to.contains(&self.party) {
            return Err(Error::Conflict("the item was served to this party before".into()).into());
        }
        let row = ServingRow {
            id: tx.id::<RowId>(),
            rev: 1,
            case_id: case,
            item_id: self.item,
            party_id: self.party,
            status: "served".into(),
        };
        let binding = bound::bind(&row, &core.ambient);
        let draft = of_item("serve", &facts, facts.scope)
            .permitted(tx.acting(&asking, Some(case)), &permit)
            .detail(
                slot::DETAIL,
                json!({"serving": row.id, "party": row.party_id}),
            )
            .writes(binding.slot.clone());
        let entered = tx.enter(draft)?;
        disclosures::insert(tx.connection, &permit, &row, &binding, entered.c.as_bytes())?;
        // The party's bundle ends here. Were it made when counsel asks for it, everyone who
        // counts this scope would learn that and when counsel asked.
        let bundle = of_item(kind::BUNDLE, &facts, facts.scope)
            .permitted(tx.acting(&asking, Some(case)), &permit)
            .detail(slot::DETAIL, json!({"for": row.party_id}));
        tx.enter(bundle)?;
        let (item, party) = (self.item, self.party);
        notices::queue(tx, &Event::Served { item, case, party })?;
        Ok(entered)
    }
}

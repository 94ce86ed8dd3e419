//! Whether what a view or a bundle was permitted on still stands: its session or token, its
//! person, the item's states. Revocation takes effect at once, also on what began before it.

use custos_core::ids::{Id, ItemId, PersonId, ScopeId};

use crate::{
    app::{context::Core, error::Error, sessions::holder_account},
    db::{Connection, decide, views::ViewRow},
    policy::{
        action::{Download, OpenView},
        facts::{Context, Facts, Means, Purpose, PurposeCode, Resource},
    },
};

/// Whether the view would be permitted now, as it was when it was opened.
pub(super) fn stands(
    connection: &mut Connection,
    core: &Core,
    room: ScopeId,
    view: &ViewRow,
) -> Result<bool, Error> {
    let whose = (view.holder_id, view.person_id);
    permitted_again(connection, core, room, whose, view.item_id, |facts| {
        let engine = &core.engine;
        engine.decide::<OpenView>(facts).is_ok()
            && (!view.download || engine.decide::<Download>(facts).is_ok())
    })
}

/// Asks policy again on the facts of now, for whoever holds a session or token as `holder`.
///
/// # Errors
/// A fact can't be read.
pub(in crate::app) fn permitted_again(
    connection: &mut Connection,
    core: &Core,
    room: ScopeId,
    (holder, person): (Id, PersonId),
    item: ItemId,
    decide: impl FnOnce(Facts<'_>) -> bool,
) -> Result<bool, Error> {
    let Some(account) = holder_account(connection, core, room, holder)? else {
        return Ok(false);
    };
    let Some(actor) = decide::actor(connection, &core.keyring, room, account)? else {
        return Ok(false);
    };
    let Some(item) = decide::item(connection, &core.keyring, item)? else {
        return Ok(false);
    };
    // The purpose was given and checked when it began, and stands in its entry.
    let given = Purpose::new(PurposeCode::Investigation, "given when it was asked for");
    let context = Context::new(core.ambient.now(), Means::Password, true).with_purpose(given);
    let resource = Resource::Item(item.item);
    let facts = Facts {
        actor: &actor,
        resource: &resource,
        context: &context,
    };
    Ok(actor.person == person && decide(facts))
}

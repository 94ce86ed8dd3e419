//! Whether what a view was opened on still stands: its session or token, its person, the
//! item's states. Revocation takes effect at once, also on what was opened before it.

use custos_core::ids::ScopeId;

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
    let Some(account) = holder_account(connection, core, room, view.holder_id)? else {
        return Ok(false);
    };
    let Some(actor) = decide::actor(connection, &core.keyring, room, account)? else {
        return Ok(false);
    };
    let Some(item) = decide::item(connection, &core.keyring, view.item_id)? else {
        return Ok(false);
    };
    // The purpose was given and checked when the view was opened, and stands in its entry.
    let given = Purpose::new(PurposeCode::Investigation, "given when the view was opened");
    let context = Context::new(core.ambient.now(), Means::Password, true).with_purpose(given);
    let resource = Resource::Item(item.item);
    let facts = Facts {
        actor: &actor,
        resource: &resource,
        context: &context,
    };
    let engine = &core.engine;
    Ok(actor.person == view.person_id
        && engine.decide::<OpenView>(facts).is_ok()
        && (!view.download || engine.decide::<Download>(facts).is_ok()))
}

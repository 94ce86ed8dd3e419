//! Lists of a case: who sees what, pages, cursors, searches.

mod corrected;
mod damage;
mod overview;
mod pages;
mod searches;
mod sight;
mod used;

use custos_core::{
    event::Entry,
    ids::{CaseId, ItemId, PartyId},
};

use super::{Asked, ItemList, NewCase, add_party, add_person, list_items, open_case};
use crate::{
    app::{
        Error, SignedIn, disclosures,
        notices::Outlets,
        people::RoomRole,
        tests::world::{World, outlets},
        uploads::{self, FileName, NewItem},
    },
    db::decide,
    store::Store,
};

/// A case with people of most roles.
pub struct Case {
    pub world: World,
    pub case: CaseId,
    pub custodian: SignedIn,
    pub officer: SignedIn,
    pub judge: SignedIn,
    pub prosecutor: SignedIn,
    pub counsel: SignedIn,
    pub party: PartyId,
}

impl Case {
    pub async fn new() -> Self {
        Self::telling(outlets()).await
    }

    /// In a room that tells by mail and to endpoints.
    pub async fn telling(outlets: Outlets) -> Self {
        Self::of(World::telling(outlets).await).await
    }

    /// In a room in a store of the caller's.
    pub async fn in_store(store: Store) -> Self {
        Self::of(World::in_store(store).await).await
    }

    async fn of(world: World) -> Self {
        let custodian = world.hired("custodian", &[RoomRole::Custodian]).await;
        let case = opened(&world, &custodian, "26/1").await;
        let party = add_party(&world.room, &custodian, case, ("defence", "D."))
            .await
            .expect("a party")
            .output;
        let mut people = Vec::new();
        for role in ["investigator", "judge", "prosecutor", "defence"] {
            let who = world.hired(role, &[]).await;
            let side = (role == "defence").then_some(party);
            let given = add_person(&world.room, &custodian, case, who.person, (role, side));
            given.await.expect("a role");
            people.push(who);
        }
        let [officer, judge, prosecutor, counsel] = people.try_into().expect("four");
        Self {
            world,
            case,
            custodian,
            officer,
            judge,
            prosecutor,
            counsel,
            party,
        }
    }

    /// Another case of the same officer, without items.
    pub async fn other(&self) -> CaseId {
        let case = opened(&self.world, &self.custodian, "26/2").await;
        let role = ("investigator", None);
        add_person(
            &self.world.room,
            &self.custodian,
            case,
            self.officer.person,
            role,
        )
        .await
        .expect("a role");
        case
    }

    pub async fn deposit(&self, reference: &str, sensitivity: &str) -> ItemId {
        self.deposit_of(NewItem {
            reference: reference.into(),
            sensitivity: sensitivity.into(),
            ..NewItem::default()
        })
        .await
    }

    pub async fn deposit_named(&self, reference: &str, description: &str, name: &str) -> ItemId {
        self.deposit_of(NewItem {
            reference: reference.into(),
            description: description.into(),
            file_name: Some(FileName::Text(name.into())),
            ..NewItem::default()
        })
        .await
    }

    pub async fn deposit_of(&self, new: NewItem) -> ItemId {
        let room = &self.world.room;
        let bytes = format!("the bytes of {}", new.reference).into_bytes();
        let upload = uploads::announce(room, &self.officer, self.case, new)
            .await
            .expect("announced");
        uploads::receive(room, &self.officer, upload, &bytes[..], None)
            .await
            .expect("taken in")
            .item
    }

    pub async fn serve(&self, item: ItemId) {
        disclosures::serve(&self.world.room, &self.prosecutor, item, self.party)
            .await
            .expect("served");
    }

    pub async fn try_list(
        &self,
        who: &SignedIn,
        query: &[(&str, &str)],
    ) -> Result<ItemList, Error> {
        let asked = Asked::of(query.iter().copied())?;
        list_items(&self.world.room, who, self.case, &asked).await
    }

    pub async fn list(&self, who: &SignedIn, query: &[(&str, &str)]) -> ItemList {
        self.try_list(who, query).await.expect("listed")
    }
}

impl Case {
    /// The case's own entries, as its staff may read them.
    pub async fn entries_of_case(&self) -> Vec<Entry> {
        let (core, case) = (self.world.room.core.clone(), self.case);
        let facts = self
            .world
            .room
            .read(move |connection| Ok(decide::case(connection, &core.keyring, case)?));
        let facts = facts.await.expect("read").expect("a case");
        self.world.entries_of(facts.scope, case.id(), 0).await
    }
}

async fn opened(world: &World, custodian: &SignedIn, number: &str) -> CaseId {
    let new = NewCase {
        number: number.into(),
        title: "Harbour".into(),
        description: String::new(),
    };
    open_case(&world.room, custodian, new)
        .await
        .expect("opened")
        .output
}

/// The references of a page, in its order.
pub fn references(list: &ItemList) -> Vec<&str> {
    list.items
        .iter()
        .map(|item| item.reference.as_str())
        .collect()
}

/// What is counted by state.
pub fn states(list: &ItemList) -> Vec<(&str, u64)> {
    list.facets
        .states
        .iter()
        .map(|(name, count)| (*name, *count))
        .collect()
}

//! JSON for programs, below `/api/v1`.

pub mod audits;
pub mod cases;
pub mod corrections;
pub mod custody;
pub mod disclosures;
pub mod evidence;
pub mod exhibits;
pub mod notices;
pub mod orders;
pub mod people;
pub mod requests;
pub mod sessions;
pub mod transfers;
pub mod walls;
pub mod witnesses;

use std::borrow::Cow;

use custos_core::{
    hash::Hash,
    ids::{Id, LeafIndex, Timestamp},
};
use rocket::{
    Request, Response,
    http::Status,
    response::{self, Responder},
    serde::json::Json,
};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr, Schema,
        schema::{ArrayBuilder, ObjectBuilder, Type},
    },
};

use crate::app::{entering::Entered, schema};

/// Something that was made, and where it is.
pub struct Created<T> {
    location: String,
    body: T,
}

impl<T> Created<T> {
    /// Something under `/api/v1`, acknowledged with `body`.
    pub fn at(location: &str, body: T) -> Self {
        Self {
            location: format!("/api/v1/{location}"),
            body,
        }
    }
}

impl<'r, T: Serialize> Responder<'r, 'static> for Created<T> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Response::build_from(Json(self.body).respond_to(request)?)
            .status(Status::Created)
            .raw_header("Location", self.location)
            .ok()
    }
}

/// A list, in an object so that members can join it later.
#[derive(Serialize)]
pub struct List<T> {
    /// What is in it.
    pub items: Vec<T>,
}

impl<T: ToSchema> PartialSchema for List<T> {
    fn schema() -> RefOr<Schema> {
        let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("A list."))
            .property("items", items)
            .required("items")
            .into()
    }
}

impl<T: ToSchema> ToSchema for List<T> {
    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into(), T::schema()));
        T::schemas(schemas);
    }
}

/// The place of an entry in the custody log.
#[derive(Serialize, ToSchema)]
pub struct EntryPlace {
    /// Position in the log.
    #[schema(value_type = schema::LogIndex)]
    index: LeafIndex,
    /// What the log commits to.
    #[schema(value_type = schema::Sha256)]
    c: Hash,
    /// Hash of the leaf, by which a proof of inclusion begins.
    #[schema(value_type = schema::Sha256)]
    leaf_hash: Hash,
    /// The entry's time.
    #[schema(value_type = schema::Time)]
    time: Timestamp,
}

impl From<&Entered> for EntryPlace {
    fn from(entered: &Entered) -> Self {
        Self {
            index: entered.index,
            c: entered.c,
            leaf_hash: entered.leaf_hash,
            time: entered.time,
        }
    }
}

/// What a change is acknowledged with: its entries, which are durable.
#[derive(Serialize, ToSchema)]
pub struct Changed {
    /// The entries that it left, in order.
    entries: Vec<EntryPlace>,
}

impl Changed {
    /// A change that left these entries.
    pub fn by(entered: &[Entered]) -> Self {
        Self {
            entries: entered.iter().map(EntryPlace::from).collect(),
        }
    }
}

/// What the making of something is acknowledged with.
#[derive(Serialize, ToSchema)]
pub struct Made {
    /// What names it from now on.
    #[schema(value_type = schema::Id)]
    id: Id,
    /// The entries that it left, in order.
    entries: Vec<EntryPlace>,
}

impl Made {
    /// Something of this id that left these entries.
    pub fn of(id: impl Into<Id>, entered: &[Entered]) -> Self {
        Self {
            id: id.into(),
            entries: Changed::by(entered).entries,
        }
    }
}

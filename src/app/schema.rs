//! How values of one kind look in JSON, for the schemas that the types of the API derive.
//! Limits and names come from where they are checked.

use std::borrow::Cow;

use custos_core::{export::Field, ids::MAX_INTEGER};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr, Schema,
        schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Type},
    },
};

use super::{
    cases::{MAX_LINE_CHARS, MAX_TEXT_CHARS, SIDES},
    corrections, exhibits,
    exports::Format,
    notices::Kind,
    orders, transfers,
    uploads::{MAX_ITEM_BYTES, MAX_OFFSET_MINUTES, PARTICULARS},
};
use crate::{
    content::declared::Algorithm,
    policy::facts::{Asked, CaseRole, ItemState, Means, PurposeCode, RoomRole, Stage},
};

/// What an item that was served is said to be, beside its states.
const SERVED: &str = "served";

/// A line: something that is no white space, and no control character.
const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
const OPTIONAL_LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
const TEXT: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";
const FILLED_TEXT: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $object:expr;)*) => {$(
        $(#[doc = $doc])*
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let said = concat!($($doc),*).trim();
                $object.description(Some(said)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

kinds! {
    /// Sixteen random bytes that name something, in hex.
    Id = matching("^[0-9a-f]{32}$");
    /// A SHA-256 in hex.
    Sha256 = matching("^[0-9a-f]{64}$");
    /// Microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    Time = whole(-signed(MAX_INTEGER), signed(MAX_INTEGER));
    /// Position of an entry in the custody log, from 0.
    LogIndex = whole(0, signed(MAX_INTEGER));
    /// A number of bytes.
    Bytes = whole(0, signed(MAX_ITEM_BYTES));
    /// Minutes east of UTC.
    Offset = whole(-i64::from(MAX_OFFSET_MINUTES), i64::from(MAX_OFFSET_MINUTES));
    /// One line of text, not empty; white space at its ends is taken away.
    Line = matching(LINE).min_length(Some(1)).max_length(Some(MAX_LINE_CHARS));
    /// One line of text, or nothing; white space at its ends is taken away.
    OptionalLine = matching(OPTIONAL_LINE).max_length(Some(MAX_LINE_CHARS));
    /// Text of several lines, or nothing; white space at its ends is taken away.
    Text = matching(TEXT).max_length(Some(MAX_TEXT_CHARS));
    /// Text of several lines, not empty; white space at its ends is taken away.
    FilledText = matching(FILLED_TEXT).min_length(Some(1)).max_length(Some(MAX_TEXT_CHARS));
    /// How far a case has come.
    CaseStage = one_of(Stage::ALL.iter().map(|stage| stage.name()));
    /// What a case can be set to.
    GivenStage = one_of([Stage::Open, Stage::Closed].iter().map(|stage| stage.name()));
    /// A role on a case.
    RoleOnCase = one_of(CaseRole::ALL.iter().map(|role| role.name()));
    /// A role in the whole room.
    RoleInRoom = one_of(RoomRole::ALL.iter().map(|role| role.name()));
    /// A role on a case, or one in the whole room.
    Role = one_of(roles());
    /// The side of a party.
    PartySide = one_of(SIDES.iter().copied());
    /// What holds of an item beside what is normal.
    State = one_of(ItemState::ALL.iter().map(|state| state.name()).chain([SERVED]));
    /// A field of entries that an export withholds.
    ExportField = one_of(Field::ALL.iter().map(|field| field.name()));
    /// In which form an export is written.
    ExportFormat = one_of(Format::ALL.iter().map(|(_, name)| *name));
    /// What a purpose is for.
    Purpose = one_of(PurposeCode::ALL.iter().map(|code| code.name()));
    /// How somebody was recognised.
    RecognisedBy = one_of(Means::ALL.iter().map(|means| means.name()));
    /// Whether a person or an account may do anything.
    Standing = one_of(["active", "suspended", "left"]);
    /// What a person or an account can be set to.
    GivenStanding = one_of(["active", "suspended"]);
    /// What needs a second person.
    AskedFor = one_of(Asked::ALL.iter().map(|asked| asked.name()));
    /// How far a request has come.
    RequestStatus = one_of(["asked", "approved", "done", "withdrawn", "declined", "expired"]);
    /// What a notice tells of.
    NoticeKind = one_of(Kind::ALL.iter().map(|kind| kind.name()));
    /// Whether a token holds.
    TokenStatus = one_of(["active", "expired", "ended"]);
    /// Whether a wall stands.
    WallStatus = one_of(["up", "down"]);
    /// What a court orders.
    OrderKind = one_of(orders::KINDS.iter().copied());
    /// The side that offers an exhibit.
    ExhibitSide = one_of(["prosecution", "defence"]);
    /// What became of an offer.
    ExhibitStatus = one_of(["offered", "withdrawn"].into_iter().chain(exhibits::RULINGS.iter().copied()));
    /// How a court rules on an exhibit.
    RulingStatus = one_of(exhibits::RULINGS.iter().copied());
    /// What a seal was found to be.
    SealState = one_of(transfers::SEAL_STATES.iter().copied());
    /// What a seal is found to be; nothing is `none`.
    GivenSealState = one_of(transfers::SEAL_STATES.iter().copied().chain([""]));
    /// How an item is to be kept; nothing is `normal`.
    Sensitivity = one_of(["", "normal", "restricted"]);
    /// A hash function that forensic tools report.
    HashAlgorithm = one_of(Algorithm::ALL.iter().map(|algorithm| algorithm.as_str()));
    /// What can be corrected.
    Correctable = one_of(corrections::fields());
}

/// A text, or a time in microseconds since 1970 UTC, as the field asks for.
pub struct CorrectedValue;

impl PartialSchema for CorrectedValue {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(matching(TEXT).max_length(Some(MAX_TEXT_CHARS)))
            .item(Ref::from_schema_name("Time"))
            .description(Some(
                "A text, or a time in microseconds since 1970 UTC, as the field asks for.",
            ))
            .into()
    }
}

impl ToSchema for CorrectedValue {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Time::name().into(), Time::schema()));
    }
}

/// More of an item's origin, by name.
pub struct Particulars;

impl PartialSchema for Particulars {
    fn schema() -> RefOr<Schema> {
        let mut object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .description(Some("More of an item's origin, by name."));
        for (name, words) in PARTICULARS {
            let line = matching(OPTIONAL_LINE)
                .max_length(Some(MAX_LINE_CHARS))
                .description(Some(*words));
            object = object.property(*name, line);
        }
        object.into()
    }
}

impl ToSchema for Particulars {}

/// A hash that was declared, beside what the bytes have.
#[derive(ToSchema)]
pub struct Compared {
    /// The hash function.
    #[schema(value_type = HashAlgorithm)]
    pub algorithm: String,
    /// What was declared, in hex.
    pub declared: String,
    /// What the bytes have, in hex.
    pub found: String,
}

/// A purpose that was given.
#[derive(ToSchema)]
pub struct StatedPurpose {
    /// What it is for.
    #[schema(value_type = Purpose)]
    pub code: String,
    /// In the person's own words.
    pub text: String,
}

fn roles() -> impl Iterator<Item = &'static str> {
    let on_case = CaseRole::ALL.iter().map(|role| role.name());
    on_case.chain(RoomRole::ALL.iter().map(|role| role.name()))
}

fn matching(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
}

fn one_of(names: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names))
}

fn whole(least: i64, most: i64) -> ObjectBuilder {
    let pointer_wide = |number: i64| isize::try_from(number).expect("the server has 64 bits");
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(pointer_wide(least)))
        .maximum(Some(pointer_wide(most)))
}

const fn signed(number: u64) -> i64 {
    number.cast_signed()
}

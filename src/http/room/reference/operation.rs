//! One operation: what stands in the table, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use super::parts::{self, ANY_REQUEST};
use crate::http::errors;

/// Who may call an operation, as the guards of `guards.rs` have it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anyone.
    Anyone,
    /// A token with this right, or a session.
    Token(&'static str),
    /// A session alone.
    Session,
}

/// A type by its name, with all schemas that it is made of.
#[derive(Clone)]
pub struct Shape {
    name: String,
    collect: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl Shape {
    fn of<T: ToSchema>() -> Self {
        Self {
            name: T::name().into(),
            collect: |all| {
                all.push((T::name().into(), T::schema()));
                T::schemas(all);
            },
        }
    }

    fn reference(&self) -> Value {
        json!({"$ref": format!("#/components/schemas/{}", self.name)})
    }
}

/// What a request's body is.
#[derive(Clone)]
pub enum Takes {
    /// None.
    Nothing,
    /// Strict JSON.
    Json(Shape),
    /// The bytes of an item.
    Bytes,
}

/// What an answer holds.
#[derive(Clone)]
pub enum Gives {
    /// Nothing: 204.
    Nothing,
    /// JSON: 200.
    Json(Shape),
    /// JSON, and where the new thing is: 201.
    Made(Shape),
    /// Bytes of this media type.
    Bytes(&'static str),
    /// Bytes of one of these media types, made before they are sent, so that their digest is
    /// known.
    Digested(&'static [&'static str]),
    /// The same, of which a range can be asked for.
    Ranges(&'static str),
}

/// The answer to somebody who has it already.
fn known() -> Value {
    json!({
        "description": "You have what it is; the read was entered.",
        "headers": parts::answered(&["ETag"]),
    })
}

/// What a change is made upon.
#[derive(Clone, Copy)]
struct Condition {
    /// The operation that shows it.
    read: &'static str,
    /// When it must be said.
    when: Option<&'static str>,
}

impl Condition {
    fn parameter(self) -> Value {
        let Self { read, when } = self;
        let must = match when {
            Some("") => "It must be given.".into(),
            Some(when) => format!("It must be given {when}."),
            None => "It may be left out.".into(),
        };
        json!({
            "name": "If-Match",
            "in": "header",
            // What must be given for some values only is told by 428.
            "required": when == Some(""),
            "description": format!("The `ETag` of `{read}` as you saw it, or `*`. {must}"),
            "schema": {"type": "string", "maxLength": 1024, "examples": ["\"mD5Iiu5VKEy6PmLMDrqNDQ\"", "*"]},
        })
    }
}

/// Takes their defaults from members that must be given: those of a whole struct say only how
/// it is read.
fn require(schema: &mut Value) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for name in required.iter().filter_map(Value::as_str) {
        if let Some(member) = schema["properties"][name].as_object_mut() {
            member.remove("default");
        }
    }
}

/// An operation of the API.
#[derive(Clone)]
pub struct Operation {
    /// The method in upper case.
    pub method: &'static str,
    /// The path as it is mounted, with `<parameter>`.
    pub path: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    tag: &'static str,
    who: Who,
    takes: Takes,
    gives: Gives,
    /// What a change is made upon, if it says so.
    condition: Option<Condition>,
    /// What is asked of a list, by the names of the parameters: filters, order and page.
    listed: &'static [&'static str],
    /// Problems besides those that follow from the rest.
    problems: Vec<&'static str>,
}

impl Operation {
    pub fn new(method: &'static str, path: &'static str, id: &'static str) -> Self {
        Self {
            method,
            path,
            id,
            summary: "",
            description: "",
            tag: "",
            who: Who::Anyone,
            takes: Takes::Nothing,
            gives: Gives::Nothing,
            condition: None,
            listed: &[],
            problems: Vec::new(),
        }
    }

    /// In a line, and in more words.
    pub fn says(mut self, summary: &'static str, description: &'static str) -> Self {
        (self.summary, self.description) = (summary, description);
        self
    }

    pub fn of(mut self, tag: &'static str, who: Who) -> Self {
        (self.tag, self.who) = (tag, who);
        self
    }

    pub fn takes<T: ToSchema>(mut self) -> Self {
        self.takes = Takes::Json(Shape::of::<T>());
        self
    }

    pub fn takes_bytes(mut self) -> Self {
        self.takes = Takes::Bytes;
        self
    }

    pub fn gives<T: ToSchema>(mut self) -> Self {
        self.gives = Gives::Json(Shape::of::<T>());
        self
    }

    pub fn makes<T: ToSchema>(mut self) -> Self {
        self.gives = Gives::Made(Shape::of::<T>());
        self
    }

    pub fn streams(mut self, gives: Gives) -> Self {
        self.gives = gives;
        self
    }

    /// Takes what can be asked of a list.
    pub fn listed(mut self, asked: &'static [&'static str]) -> Self {
        self.listed = asked;
        self
    }

    /// Takes the tag of what `read`, an operation, shows; it must be given `when`.
    pub fn upon(mut self, read: &'static str, when: Option<&'static str>) -> Self {
        self.condition = Some(Condition { read, when });
        self
    }

    /// Whether it looks at what it is made upon.
    pub fn is_conditional(&self) -> bool {
        self.condition.is_some()
    }

    /// May end in these problems too.
    pub fn or(mut self, problems: &[&'static str]) -> Self {
        self.problems.extend(problems);
        self
    }

    /// The path in the form of the document, with `{parameter}`.
    pub fn address(&self) -> String {
        self.path.replace('<', "{").replace('>', "}")
    }

    /// Adds the schemas that it needs.
    pub fn collect(&self, schemas: &mut BTreeMap<String, Value>) {
        let taken = match &self.takes {
            Takes::Json(shape) => Some(shape),
            Takes::Nothing | Takes::Bytes => None,
        };
        let given = match &self.gives {
            Gives::Json(shape) | Gives::Made(shape) => Some(shape),
            Gives::Nothing | Gives::Bytes(_) | Gives::Digested(_) | Gives::Ranges(_) => None,
        };
        for shape in taken.into_iter().chain(given) {
            let mut all = Vec::new();
            (shape.collect)(&mut all);
            for (name, schema) in all {
                let mut schema = serde_json::to_value(schema).expect("a schema is JSON");
                require(&mut schema);
                schemas.insert(name, schema);
            }
        }
    }

    /// The operation in the form of the document.
    pub fn value(&self) -> Value {
        let mut operation = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "parameters": self.parameters(),
            "responses": self.responses(),
            "security": self.security(),
        });
        if !self.description.is_empty() {
            operation["description"] = json!(self.description);
        }
        if let Some(body) = self.body() {
            operation["requestBody"] = body;
        }
        operation
    }

    fn is_read(&self) -> bool {
        self.method == "GET"
    }

    /// Whether a key can be given under which the change is made once.
    fn is_keyed(&self) -> bool {
        self.method == "POST" && !matches!(self.gives, Gives::Bytes(_) | Gives::Digested(_))
    }

    /// Whether what it shows has a tag.
    fn is_tagged(&self) -> bool {
        self.is_read() && self.who != Who::Anyone && matches!(self.gives, Gives::Json(_))
    }

    fn parameters(&self) -> Vec<Value> {
        let places = self.path.split('<').skip(1);
        let names = places.filter_map(|place| place.split('>').next());
        let mut parameters: Vec<Value> = names.map(parts::place).collect();
        parameters.extend(self.listed.iter().map(|name| parts::parameter(name)));
        if self.is_keyed() {
            parameters.push(parts::parameter("IdempotencyKey"));
        }
        if matches!(self.gives, Gives::Ranges(_)) {
            parameters.extend(["Range", "IfRange", "IfNoneMatch"].map(parts::parameter));
        }
        if self.is_tagged() {
            parameters.push(parts::parameter("IfNoneMatch"));
        }
        parameters.extend(self.condition.map(Condition::parameter));
        if matches!(self.takes, Takes::Bytes) {
            let said = ["ContentLength", "ReprDigest", "ContentDigest"];
            parameters.extend(said.map(parts::parameter));
        }
        parameters
    }

    fn body(&self) -> Option<Value> {
        let content = match &self.takes {
            Takes::Nothing => return None,
            Takes::Json(shape) => json!({"application/json": {"schema": shape.reference()}}),
            Takes::Bytes => json!({"application/octet-stream": {}}),
        };
        Some(json!({"required": true, "content": content}))
    }

    fn security(&self) -> Vec<Value> {
        let mut session = Map::from_iter([("session".into(), json!([]))]);
        if !self.is_read() {
            session.insert("csrf".into(), json!([]));
        }
        match self.who {
            Who::Anyone => vec![json!({})],
            Who::Session => vec![session.into()],
            Who::Token(right) => vec![json!({"token": [right]}), session.into()],
        }
    }

    fn responses(&self) -> BTreeMap<String, Value> {
        let mut responses = BTreeMap::new();
        let json = |shape: &Shape| json!({"application/json": {"schema": shape.reference()}});
        match &self.gives {
            Gives::Nothing => {
                responses.insert("204".into(), json!({"description": "It is done."}));
            }
            Gives::Json(shape) => {
                let mut given =
                    json!({"description": "What was asked for.", "content": json(shape)});
                let mut headers = Vec::new();
                if self.is_tagged() {
                    headers.push("ETag");
                    responses.insert("304".into(), known());
                }
                if !self.listed.is_empty() {
                    headers.push("Link");
                }
                if !headers.is_empty() {
                    given["headers"] = parts::answered(&headers);
                }
                responses.insert("200".into(), given);
            }
            Gives::Made(shape) => {
                let made = json!({
                    "description": "It is done, and durable.",
                    "headers": parts::answered(&["Location"]),
                    "content": json(shape),
                });
                responses.insert("201".into(), made);
            }
            Gives::Bytes(kind) | Gives::Ranges(kind) => self.streamed(&[kind], &mut responses),
            Gives::Digested(kinds) => self.streamed(kinds, &mut responses),
        }
        if self.who != Who::Anyone {
            for answer in responses.values_mut() {
                parts::add_limits(answer);
            }
        }
        for status in self.problem_statuses() {
            let answer =
                json!({"$ref": format!("#/components/responses/{}", parts::named(status))});
            responses.insert(status.to_string(), answer);
        }
        responses
    }

    fn streamed(&self, kinds: &[&str], responses: &mut BTreeMap<String, Value>) {
        let content: BTreeMap<&str, Value> = kinds.iter().map(|kind| (*kind, json!({}))).collect();
        let ranges = matches!(self.gives, Gives::Ranges(_));
        let mut always = vec!["Content-Disposition", "Accept-Ranges"];
        if self.is_read() || matches!(self.gives, Gives::Digested(_)) {
            always.push("Repr-Digest");
        }
        if ranges {
            always.push("ETag");
        }
        let whole = json!({
            "description": "The bytes. Those that fail to come end the connection.",
            "headers": parts::answered(&always),
            "content": content,
        });
        responses.insert("200".into(), whole);
        if ranges {
            let part = json!({
                "description": "The bytes of the range.",
                "headers": parts::answered(&[&always[..], &["Content-Range"]].concat()),
                "content": content,
            });
            responses.insert("206".into(), part);
            responses.insert("304".into(), known());
        }
    }

    /// Every status of a failure in which it may end.
    fn problem_statuses(&self) -> BTreeSet<u16> {
        let mut names: Vec<&'static str> = [&self.problems, ANY_REQUEST].concat();
        if self.who != Who::Anyone {
            names.extend(["signed-out", "forbidden", "unavailable", "full"]);
        }
        if self.path.contains('<') {
            names.push("not-found");
        }
        match self.takes {
            Takes::Nothing => {}
            Takes::Json(_) => names.extend(["invalid", "media-type", "too-large"]),
            Takes::Bytes => {
                names.extend(["incomplete", "too-large", "length-required", "media-type"]);
            }
        }
        if self.is_keyed() {
            names.push("key-reused");
        }
        if let Some(condition) = self.condition {
            names.push("changed");
            names.extend(condition.when.map(|_| "unconditional"));
        }
        if matches!(self.gives, Gives::Ranges(_)) {
            names.push("range");
        }
        names.into_iter().map(errors::status).collect()
    }
}

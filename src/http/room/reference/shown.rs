//! The document in the words of a page.

use serde_json::Value;

/// A piece of a sentence, which may lead to a schema of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    /// The schema's name.
    pub link: Option<String>,
}

/// A part of the document: a tag with its operations.
pub struct Part {
    pub name: String,
    pub description: String,
    pub operations: Vec<ShownOperation>,
}

/// An operation.
pub struct ShownOperation {
    pub id: String,
    pub method: String,
    pub path: String,
    pub summary: String,
    pub description: String,
    /// Who may call it.
    pub who: String,
    pub parameters: Vec<Member>,
    /// Media type and form of the body.
    pub body: Option<(String, Vec<Piece>)>,
    pub answers: Vec<ShownAnswer>,
}

/// An answer of an operation.
pub struct ShownAnswer {
    pub status: String,
    pub description: String,
    pub form: Vec<Piece>,
    /// Names of its headers.
    pub headers: Vec<String>,
}

/// A schema.
pub struct ShownSchema {
    pub name: String,
    pub description: String,
    pub form: Vec<Piece>,
    pub members: Vec<Member>,
}

/// A member of an object, or a parameter.
pub struct Member {
    pub name: String,
    /// `path`, `query` or `header`; empty for members.
    pub place: String,
    pub required: bool,
    pub form: Vec<Piece>,
    pub description: String,
}

/// The operations by part, in the document's order.
pub fn parts(document: &Value) -> Vec<Part> {
    let tags = document["tags"].as_array().into_iter().flatten();
    tags.map(|tag| Part {
        name: text(&tag["name"]),
        description: text(&tag["description"]),
        operations: operations(document, &tag["name"]),
    })
    .collect()
}

fn operations(document: &Value, tag: &Value) -> Vec<ShownOperation> {
    let mut shown = Vec::new();
    for (path, methods) in members(&document["paths"]) {
        for (method, operation) in members(methods) {
            if operation["tags"][0] == *tag {
                shown.push(self::operation(document, (method, path), operation));
            }
        }
    }
    shown
}

fn operation(document: &Value, (method, path): (&str, &str), of: &Value) -> ShownOperation {
    let parameters = of["parameters"].as_array().into_iter().flatten();
    let body = members(&of["requestBody"]["content"]).next();
    ShownOperation {
        id: text(&of["operationId"]),
        method: method.to_uppercase(),
        path: path.into(),
        summary: text(&of["summary"]),
        description: text(&of["description"]),
        who: who(&of["security"]),
        parameters: parameters
            .map(|parameter| self::parameter(resolved(document, parameter)))
            .collect(),
        body: body.map(|(kind, content)| {
            (
                kind.into(),
                content.get("schema").map(form).unwrap_or_default(),
            )
        }),
        answers: members(&of["responses"])
            .map(|(status, answer)| self::answer(status, resolved(document, answer)))
            .collect(),
    }
}

fn who(security: &Value) -> String {
    let first = &security[0];
    if let Some(right) = first["token"][0].as_str() {
        format!("a token with the right {right}, or a session")
    } else if first["session"].is_array() {
        "a session".into()
    } else {
        "anyone".into()
    }
}

fn parameter(of: &Value) -> Member {
    Member {
        name: text(&of["name"]),
        place: text(&of["in"]),
        required: of["required"] == true,
        form: form(&of["schema"]),
        description: text(&of["description"]),
    }
}

fn answer(status: &str, of: &Value) -> ShownAnswer {
    let content = members(&of["content"]).next();
    ShownAnswer {
        status: status.into(),
        description: text(&of["description"]),
        form: content
            .map(|(kind, content)| match &content["schema"] {
                Value::Null => vec![plain(kind)],
                schema => form(schema),
            })
            .unwrap_or_default(),
        headers: members(&of["headers"])
            .map(|(name, _)| name.into())
            .collect(),
    }
}

/// The schemas, by name.
pub fn schemas(document: &Value) -> Vec<ShownSchema> {
    members(&document["components"]["schemas"])
        .map(|(name, schema)| ShownSchema {
            name: name.into(),
            description: text(&schema["description"]),
            form: match schema["properties"] {
                Value::Null => form(schema),
                _ => Vec::new(),
            },
            members: properties(schema),
        })
        .collect()
}

/// The members of an object; of one that is put together, those of its parts.
fn properties(schema: &Value) -> Vec<Member> {
    let required = schema["required"].as_array();
    let required = |name: &str| required.is_some_and(|names| names.iter().any(|one| one == name));
    let own = members(&schema["properties"]).map(|(name, of)| Member {
        name: name.into(),
        place: String::new(),
        required: required(name),
        form: form(of),
        description: text(&of["description"]),
    });
    let parts = schema["allOf"].as_array().into_iter().flatten();
    own.chain(parts.flat_map(properties)).collect()
}

/// What a value looks like, in a sentence.
pub fn form(schema: &Value) -> Vec<Piece> {
    if let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
        return vec![Piece {
            text: name.into(),
            link: Some(name.into()),
        }];
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(any) = schema[choice].as_array() {
            return joined(any.iter().map(form), " or ");
        }
    }
    if let Some(all) = schema["allOf"].as_array() {
        let named = all.iter().filter(|part| part["properties"].is_null());
        return joined(named.map(form), " with ");
    }
    if let Some(names) = schema["enum"].as_array() {
        let names: Vec<String> = names.iter().map(said).collect();
        return vec![plain(format!("one of {}", names.join(", ")))];
    }
    if schema["const"].is_string() {
        return vec![plain(said(&schema["const"]))];
    }
    if schema["type"] == "array" {
        let mut pieces = vec![plain("list of ")];
        pieces.extend(form(&schema["items"]));
        return pieces;
    }
    if schema["additionalProperties"].is_object() {
        let mut pieces = vec![plain("object of ")];
        pieces.extend(form(&schema["additionalProperties"]));
        return pieces;
    }
    vec![plain(simple(schema))]
}

/// A type with its limits.
fn simple(schema: &Value) -> String {
    let mut said = match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ => "any value".into(),
    };
    for (limit, words) in [
        ("minLength", "characters at least"),
        ("maxLength", "characters at most"),
        ("minimum", "at least"),
        ("maximum", "at most"),
    ] {
        if let Some(number) = schema[limit].as_number() {
            said += &match limit {
                "minimum" | "maximum" => format!(", {words} {number}"),
                _ => format!(", {number} {words}"),
            };
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        said += &format!(", of the form {pattern}");
    }
    said
}

fn joined(all: impl Iterator<Item = Vec<Piece>>, between: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (nth, one) in all.enumerate() {
        if nth > 0 {
            pieces.push(plain(between));
        }
        pieces.extend(one);
    }
    pieces
}

fn plain(text: impl Into<String>) -> Piece {
    Piece {
        text: text.into(),
        link: None,
    }
}

fn text(value: &Value) -> String {
    unmarked(value.as_str().unwrap_or_default())
}

/// A text of the document without the marks that it has for programs that show it.
pub fn unmarked(text: &str) -> String {
    text.replace("**", "").replace('`', "")
}

/// A value of a closed list; nothing is said to be so.
fn said(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "nothing".into(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let object = value.as_object().into_iter().flatten();
    object.map(|(name, value)| (name.as_str(), value))
}

/// What a reference leads to, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let to = value["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    to.and_then(|to| document.pointer(to)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::room::reference::DOCUMENT;

    fn sentence(schema: &Value) -> String {
        form(schema)
            .iter()
            .map(|piece| piece.text.as_str())
            .collect()
    }

    #[test]
    fn forms_are_said_in_words() {
        let id = json!({"$ref": "#/components/schemas/Id"});
        assert_eq!(
            sentence(&json!({"type": "array", "items": id})),
            "list of Id"
        );
        assert_eq!(
            sentence(&json!({"oneOf": [{"type": "null"}, id]})),
            "null or Id"
        );
        assert_eq!(sentence(&json!({"enum": ["", "up"]})), "one of nothing, up");
        assert_eq!(
            sentence(&json!({"type": "integer", "minimum": 1, "maximum": 9})),
            "integer, at least 1, at most 9"
        );
        assert_eq!(form(&id)[0].link.as_deref(), Some("Id"));
    }

    #[test]
    fn every_operation_and_link_of_the_document_is_on_the_page() {
        let shown: usize = parts(&DOCUMENT)
            .iter()
            .map(|part| part.operations.len())
            .sum();
        let there: usize = members(&DOCUMENT["paths"])
            .map(|(_, methods)| members(methods).count())
            .sum();
        assert_eq!(shown, there);
        let schemas = schemas(&DOCUMENT);
        let members = schemas.iter().flat_map(|schema| &schema.members);
        let links = members.flat_map(|member| &member.form);
        for link in links.filter_map(|piece| piece.link.as_deref()) {
            assert!(schemas.iter().any(|schema| schema.name == link), "{link}");
        }
    }
}

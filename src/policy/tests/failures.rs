//! What goes wrong denies; what is not understood is not loaded.

use std::{collections::BTreeSet, fs, path::Path};

use cedar_policy::{Authorizer, Decision};
use custos_core::ids::{Id, PartyId};
use serde_json::json;

use super::{
    matrix,
    world::{ITEM, ME, MY_ACCOUNT, On, Served, Who, decide, decide_facts},
};
use crate::policy::{
    action::{Action, OpenView, ReadItem},
    engine::{Asked, Engine, LoadError, POLICY_ERROR, read_policies},
    facts::{Assignment, CaseRole, Facts, Resource, ResourceId, ResourceKind},
    source::{Source, SourceError},
};

const NORMAL: On = On::Item {
    restricted: false,
    quarantined: false,
    served: Served::Nobody,
    mine: false,
};

/// The first policy set with one more file.
fn with_file(text: &str) -> Result<Engine, LoadError> {
    let source = Source::embedded();
    let mut files = borrowed(&source);
    files.push(("more.cedar", text));
    Engine::load(source.schema(), &files)
}

fn borrowed(source: &Source) -> Vec<(&str, &str)> {
    let pairs = source.files().iter();
    pairs
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect()
}

#[test]
fn a_forbid_that_fails_denies() {
    // An overflow passes strict validation and fails when it is evaluated.
    let engine = with_file(
        "@id(\"forbid.overflow\") forbid (principal, action == Action::\"read_item\", resource)
         when { context.now * 9223372036854775807 > 0 };",
    )
    .expect("it is valid");
    let judge = Who::with(&["judge"]);
    assert_eq!(
        decide(&engine, Action::ReadItem, &judge, NORMAL),
        (false, vec![POLICY_ERROR.to_owned()])
    );
    assert!(decide(&engine, Action::ReadHistory, &judge, NORMAL).0);
}

#[test]
fn a_permit_that_fails_denies_what_another_permits() {
    let engine = with_file(
        "@id(\"permit.overflow\") permit (principal, action == Action::\"read_item\", resource)
         when { context.now * 9223372036854775807 > 0 };",
    )
    .expect("it is valid");
    let judge = Who::with(&["judge"]);
    assert!(!decide(&engine, Action::ReadItem, &judge, NORMAL).0);
}

#[test]
fn facts_out_of_range_deny() {
    let engine = Engine::embedded();
    let judge = Who {
        factor: Some(u64::MAX),
        ..Who::with(&["judge"])
    };
    assert_eq!(
        decide(&engine, Action::ReadItem, &judge, NORMAL),
        (false, vec![POLICY_ERROR.to_owned()])
    );
}

#[test]
fn a_forbid_on_an_action_group_survives() {
    let engine = with_file(
        "@id(\"forbid.group\") forbid (principal, action in Action::\"see\", resource is Item);",
    )
    .expect("it is valid");
    let judge = Who::with(&["judge"]);
    for action in [
        Action::ReadItem,
        Action::ReadHistory,
        Action::TakeReceipt,
        Action::MakeBundle,
    ] {
        assert_eq!(
            decide(&engine, action, &judge, NORMAL),
            (false, vec!["forbid.group".to_owned()])
        );
    }
    assert!(decide(&engine, Action::OpenView, &judge, NORMAL).0);
    assert!(decide(&Engine::embedded(), Action::ReadItem, &judge, NORMAL).0);
}

#[test]
fn the_policies_left_aside_for_an_action_would_not_have_spoken() {
    let engine = Engine::embedded();
    let all = read_policies(&Source::embedded()).expect("the first set can be read");
    let mut spoken = BTreeSet::new();
    for who in matrix::one_role() {
        for (action, on) in Action::ALL
            .iter()
            .flat_map(|action| On::all().into_iter().map(move |on| (*action, on)))
        {
            let (actor, resource, context) = (who.actor(), on.facts(), who.context());
            let facts = Facts {
                actor: &actor,
                resource: &resource,
                context: &context,
            };
            let Ok(Asked { request, entities }) = engine.prepare(action, facts) else {
                continue;
            };
            let response = Authorizer::new().is_authorized(&request, &all, &entities);
            let mut policies: Vec<String> = response
                .diagnostics()
                .reason()
                .map(ToString::to_string)
                .collect();
            policies.sort_unstable();
            let allowed = response.decision() == Decision::Allow;
            spoken.extend(policies.iter().cloned());
            assert_eq!(decide(&engine, action, &who, on), (allowed, policies));
        }
    }
    assert!(spoken.len() > 30, "{spoken:?}");
}

#[test]
fn counsel_without_a_party_sees_nothing() {
    let engine = Engine::embedded();
    let who = Who::with(&["defence"]);
    let mut actor = who.actor();
    actor.case_roles = actor
        .case_roles
        .iter()
        .map(|assignment| Assignment {
            party: None,
            ..*assignment
        })
        .collect();
    let item = On::Item {
        restricted: false,
        quarantined: false,
        served: Served::Both,
        mine: false,
    };
    let ask = |actor| {
        decide_facts(
            &engine,
            Action::ReadItem,
            actor,
            &item.facts(),
            &who.context(),
        )
    };
    assert!(!ask(&actor).0);
    assert!(ask(&who.actor()).0);
}

#[test]
fn a_party_of_another_role_or_case_is_not_defended() {
    let engine = Engine::embedded();
    let who = Who::with(&["advocate"]);
    let set = On::Set { own: true };
    let mut actor = who.actor();
    let elsewhere = Who {
        here: false,
        ..Who::with(&["defence"])
    };
    actor.case_roles.extend(elsewhere.actor().case_roles);
    let roles: BTreeSet<CaseRole> = actor.case_roles.iter().map(|held| held.role).collect();
    assert_eq!(
        roles,
        BTreeSet::from([CaseRole::Advocate, CaseRole::Defence])
    );
    let ask = |actor| {
        decide_facts(
            &engine,
            Action::ReadSet,
            actor,
            &set.facts(),
            &who.context(),
        )
    };
    assert!(!ask(&actor).0);
}

#[test]
fn what_is_not_understood_is_not_loaded() {
    type Refused = fn(&LoadError) -> bool;
    let id: Refused = |e| matches!(e, LoadError::Id { .. });
    let invalid: Refused = |e| matches!(e, LoadError::Invalid(_));
    let cases: [(&str, &str, Refused); 11] = [
        ("no id", "permit (principal, action, resource);", id),
        (
            "an id twice",
            "@id(\"forbid.suspended\") permit (principal, action, resource);",
            id,
        ),
        (
            "an id of the engine",
            "@id(\"engine.x\") permit (principal, action, resource);",
            id,
        ),
        (
            "an odd id",
            "@id(\"Evidence.See\") permit (principal, action, resource);",
            id,
        ),
        ("no syntax", "permit principal;", |e| {
            matches!(e, LoadError::Syntax { .. })
        }),
        (
            "a template",
            "@id(\"a\") permit (principal == ?principal, action, resource);",
            |e| matches!(e, LoadError::Template(_)),
        ),
        (
            "an unknown role",
            "@id(\"a\") permit (principal, action, resource)
             when { principal.case_roles.contains(CaseRole::\"investigater\") };",
            invalid,
        ),
        (
            "an unknown action",
            "@id(\"a\") forbid (principal, action == Action::\"look\", resource);",
            invalid,
        ),
        (
            "an attribute that may be absent",
            "@id(\"a\") forbid (principal, action, resource)
             when { principal.strong_factor_age > 900 };",
            invalid,
        ),
        (
            "types that do not compare",
            "@id(\"a\") forbid (principal, action, resource) when { principal.person == 1 };",
            invalid,
        ),
        (
            "a policy that never applies",
            "@id(\"a\") forbid (principal, action == Action::\"open_view\", resource is Room);",
            invalid,
        ),
    ];
    for (name, text, refused) in cases {
        match with_file(text) {
            Ok(_) => panic!("{name} was loaded"),
            Err(error) => assert!(refused(&error), "{name}: {error}"),
        }
    }
}

#[test]
fn a_set_that_lacks_something_is_not_loaded() {
    let source = Source::embedded();
    let files = borrowed(&source);
    let nothing = Engine::load(source.schema(), &[]);
    assert!(matches!(nothing, Err(LoadError::Count)));
    let odd = Engine::load("entity;", &files);
    assert!(matches!(odd, Err(LoadError::Schema(_))));
    let lacking = source
        .schema()
        .replace("read_audit, change_policy", "change_policy");
    let policy: Vec<(&str, &str)> = files
        .iter()
        .copied()
        .filter(|(name, _)| *name == "policy.cedar")
        .collect();
    let lacking = Engine::load(&lacking, &policy);
    assert!(matches!(lacking, Err(LoadError::Action(Action::ReadAudit))));
}

#[test]
fn the_folder_is_what_was_built_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let source = Source::folder(&folder).expect("the folder can be read");
    assert_eq!(source, Source::embedded());
    assert!(matches!(
        Source::folder(&folder.join("absent")),
        Err(SourceError::Read { .. })
    ));
}

#[test]
fn a_folder_is_read_strictly() {
    let folder = tempfile::tempdir().expect("a folder");
    let schema = Source::embedded().schema().to_owned();
    fs::write(folder.path().join("custos.cedarschema"), schema).expect("written");
    fs::write(folder.path().join("a.cedar"), [0xff]).expect("written");
    let odd = Source::folder(folder.path());
    assert!(matches!(odd, Err(SourceError::Text(_))));
    fs::write(folder.path().join("a.cedar"), vec![b' '; (1 << 20) + 1]).expect("written");
    let long = Source::folder(folder.path());
    assert!(matches!(long, Err(SourceError::Text(_))));
    assert!(matches!(
        Source::new("", &[("a.cedar", "x"), ("a.cedar", "y")]),
        Err(SourceError::Name(_))
    ));
    assert!(matches!(
        Source::new("", &[("", "x")]),
        Err(SourceError::Name(_))
    ));
}

#[test]
fn the_hash_knows_every_byte() {
    let base = Source::new("ab", &[("c", "de"), ("f", "gh")]).expect("named well");
    let reordered = Source::new("ab", &[("f", "gh"), ("c", "de")]).expect("named well");
    assert_eq!(base.hash(), reordered.hash());
    let others: [(&str, &[(&str, &str)]); 8] = [
        ("ac", &[("c", "de"), ("f", "gh")]),
        ("ab", &[("c", "dE"), ("f", "gh")]),
        ("ab", &[("c", "de"), ("F", "gh")]),
        ("ab", &[("c", "de"), ("f", "gh"), ("i", "")]),
        ("ab", &[("c", "de")]),
        ("abc", &[("c", "de"), ("f", "gh")]),
        ("ab", &[("c", "d"), ("ef", "gh")]),
        ("ab", &[("c", "def"), ("g", "h")]),
    ];
    let mut seen = BTreeSet::from([base.hash()]);
    for (schema, files) in others {
        let other = Source::new(schema, files).expect("named well");
        assert!(seen.insert(other.hash()), "{other:?}");
    }
}

#[test]
fn the_hash_knows_every_byte_of_the_first_set() {
    let source = Source::embedded();
    let before = source.hash();
    let files = borrowed(&source);
    // ASCII, so that one more in the lowest bit is still text.
    let changed = |text: &str, at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1;
        String::from_utf8(bytes).expect("the first set is ASCII")
    };
    for at in 0..source.schema().len() {
        let schema = changed(source.schema(), at);
        let other = Source::new(&schema, &files).expect("named well");
        assert_ne!(other.hash(), before, "byte {at} of the schema");
    }
    for (nth, (name, text)) in source.files().iter().enumerate() {
        for at in (0..text.len()).step_by(7) {
            let text = changed(text, at);
            let mut files = files.clone();
            files[nth].1 = &text;
            let other = Source::new(source.schema(), &files).expect("named well");
            assert_ne!(other.hash(), before, "byte {at} of `{name}`");
        }
    }
}

#[test]
fn the_hash_is_framed_as_documented() {
    let source = Source::new("S", &[("b", "2"), ("a", "1")]).expect("named well");
    let mut framed = b"custos/policy-set/v1\0".to_vec();
    framed.extend([0, 0, 0, 0, 0, 0, 0, 1, b'S', 0, 0, 0, 2]);
    framed.extend([0, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 1, b'1']);
    framed.extend([0, 1, b'b', 0, 0, 0, 0, 0, 0, 0, 1, b'2']);
    assert_eq!(source.hash(), custos_core::hash::sha256(&[&framed]));
}

#[test]
fn an_answer_says_who_what_and_by_which_policies() {
    let engine = Engine::embedded();
    let who = Who::with(&["judge"]);
    let (actor, resource, context) = (who.actor(), NORMAL.facts(), who.context());
    let facts = Facts {
        actor: &actor,
        resource: &resource,
        context: &context,
    };
    let permit = engine.decide::<OpenView>(facts).expect("a judge may");
    assert_eq!(permit.action(), Action::OpenView);
    assert_eq!((permit.person(), permit.account()), (ME, MY_ACCOUNT));
    assert_eq!(
        permit.resource(),
        ResourceId {
            kind: ResourceKind::Item,
            id: ITEM.id()
        }
    );
    assert_eq!(permit.case(), resource.case());
    assert_eq!(
        permit.policy_set_value(),
        json!(engine.set_hash().to_string())
    );
    assert_eq!(
        permit.decision_value(),
        json!({"decision": "allow", "policies": ["evidence.open_view.judge"]})
    );

    let who = Who {
        purpose: None,
        durable: false,
        ..who
    };
    let context = who.context();
    let facts = Facts {
        actor: &actor,
        resource: &resource,
        context: &context,
    };
    let refusal = engine
        .decide::<OpenView>(facts)
        .expect_err("not without a purpose");
    assert_eq!(refusal.resource(), permit.resource());
    assert_eq!(
        refusal.decision_value(),
        json!({"decision": "deny", "policies": ["forbid.no_custody", "forbid.no_purpose"]})
    );
    assert_eq!(refusal.to_string(), "`open_view` is not permitted");
    for (slot, value) in [
        (17, refusal.policy_set_value()),
        (18, refusal.decision_value()),
    ] {
        custos_core::event::check_slot(slot, &value).expect("it is of the slot's type");
    }
}

#[test]
fn a_hidden_item_is_refused_like_an_unknown_one() {
    let engine = Engine::embedded();
    let who = Who::with(&["prosecutor"]);
    let (actor, context) = (who.actor(), who.context());
    let hidden = On::Item {
        restricted: true,
        quarantined: false,
        served: Served::Nobody,
        mine: false,
    };
    let resource = hidden.facts();
    let facts = Facts {
        actor: &actor,
        resource: &resource,
        context: &context,
    };
    let hidden = engine
        .decide::<ReadItem>(facts)
        .expect_err("it is restricted");
    let id = ResourceId {
        kind: ResourceKind::Item,
        id: Id::from(ITEM),
    };
    let unknown = engine.refuse_unknown::<ReadItem>(&actor, id);
    assert_eq!(hidden.to_string(), unknown.to_string());
    assert_eq!(hidden.decision_value(), unknown.decision_value());
    assert_eq!(hidden.resource(), unknown.resource());
}

#[test]
fn other_parties_of_a_set_stay_unknown() {
    let engine = Engine::embedded();
    let who = Who::with(&["defence"]);
    let Resource::Set(mut set) = (On::Set { own: true }).facts() else {
        panic!("a set is a set");
    };
    set.recipient = PartyId::from_bytes([0xee; 16]);
    let ask = |set| {
        decide_facts(
            &engine,
            Action::ReadSet,
            &who.actor(),
            &Resource::Set(set),
            &who.context(),
        )
    };
    assert!(!ask(set).0);
}

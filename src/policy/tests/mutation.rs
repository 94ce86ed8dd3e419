//! Every part of every policy matters: without it, or with it changed, a decision changes.

use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashMap},
};

use cedar_policy::{
    Authorizer, Decision, Entities, Entity, Policy, PolicySet, Request, RestrictedExpression,
};
use serde_json::{Value, json};

use super::{
    matrix::{circumstances, one_role},
    world::{On, Served, Who},
};
use crate::policy::{
    action::Action,
    engine::{Asked, Engine, read_policies},
    facts::Facts,
    source::Source,
};

/// A question in Cedar's terms, and what the whole set answers: `None` when a policy failed.
struct Question {
    action: Action,
    request: Request,
    entities: Entities,
    answer: OnceCell<Option<Decision>>,
}

/// A policy set with one state more than there is, as one that will join.
struct World {
    policies: PolicySet,
    questions: Vec<Question>,
}

const STATES: &str = "entity ItemState enum [\"restricted\", \"quarantined\"";

impl World {
    fn new() -> Self {
        let source = Source::embedded();
        let schema = source
            .schema()
            .replace(STATES, &format!("{STATES}, \"joining\""));
        assert_ne!(schema, source.schema());
        let files: Vec<(&str, &str)> = source
            .files()
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        let engine = Engine::load(&schema, &files).expect("a state may join");
        let mut askers = one_role();
        for role in ["judge", "custodian", "administrator"] {
            askers.extend(circumstances(&Who::with(&[role])));
        }
        let mut questions = Vec::new();
        for who in &askers {
            for on in On::all() {
                questions.extend(ask(&engine, who, on));
            }
        }
        let policies = read_policies(&source).expect("the first set can be read");
        Self {
            policies,
            questions,
        }
    }

    /// The questions to whose action this policy's scope speaks.
    fn concerning(&self, policy: &Value) -> impl Iterator<Item = &Question> {
        let actions = actions_of(&policy["action"]);
        self.questions
            .iter()
            .filter(move |question| actions.contains(&question.action))
    }

    /// Whether some answer of the whole set is another with `mutant` in place of `policy`.
    fn notices(&self, policy: &Policy, mutant: Option<&Policy>) -> bool {
        let scope = policy.to_json().expect("a policy has a JSON form");
        let alone = single(Some(policy));
        let alone_mutant = single(mutant);
        let mut mutated = self.policies.clone();
        mutated
            .remove_static(policy.id().clone())
            .expect("the policy is in the set");
        if let Some(mutant) = mutant {
            mutated.add(mutant.clone()).expect("its id is free");
        }
        self.concerning(&scope).any(|question| {
            // Most questions are answered by the policy itself as before, which is quick to see.
            holds(&alone, question) != holds(&alone_mutant, question) && {
                let before = question
                    .answer
                    .get_or_init(|| answer(&self.policies, question));
                *before != answer(&mutated, question)
            }
        })
    }
}

/// The questions about one thing; about an item also in the state that joins.
fn ask(engine: &Engine, who: &Who, on: On) -> Vec<Question> {
    let (actor, resource, context) = (who.actor(), on.facts(), who.context());
    let facts = Facts {
        actor: &actor,
        resource: &resource,
        context: &context,
    };
    let plain = matches!(
        on,
        On::Item {
            restricted: false,
            quarantined: false,
            served: Served::Both | Served::Nobody,
            ..
        }
    );
    let mut questions = Vec::new();
    for &action in Action::ALL {
        // What the schema does not let be asked is not a matter of policies.
        let Ok(Asked { request, entities }) = engine.prepare(action, facts) else {
            continue;
        };
        if plain {
            let entities = joining(&request, &entities);
            questions.push(Question {
                action,
                request: request.clone(),
                entities,
                answer: OnceCell::new(),
            });
        }
        questions.push(Question {
            action,
            request,
            entities,
            answer: OnceCell::new(),
        });
    }
    questions
}

/// The same entities with the item in the state that joins. Actions keep their groups, as
/// they are among the entities already.
fn joining(request: &Request, entities: &Entities) -> Entities {
    let uid = request.resource().expect("a question has a resource");
    let item = entities.get(uid).expect("an item has attributes").clone();
    let (uid, mut attributes, parents) = item.into_inner();
    let state = "ItemState::\"joining\"".parse().expect("a name");
    let states = RestrictedExpression::new_set([RestrictedExpression::new_entity_uid(state)]);
    attributes.insert("states".into(), states);
    let item = Entity::new(uid, attributes, parents).expect("an item");
    entities
        .clone()
        .upsert_entities([item], None)
        .expect("the same names")
}

fn single(policy: Option<&Policy>) -> PolicySet {
    PolicySet::from_policies(policy.cloned()).expect("one policy has one id")
}

/// Whether a policy by itself is satisfied; `None` when it fails.
fn holds(alone: &PolicySet, question: &Question) -> Option<bool> {
    let response = Authorizer::new().is_authorized(&question.request, alone, &question.entities);
    let diagnostics = response.diagnostics();
    diagnostics
        .errors()
        .next()
        .is_none()
        .then(|| diagnostics.reason().next().is_some())
}

fn answer(policies: &PolicySet, question: &Question) -> Option<Decision> {
    let response = Authorizer::new().is_authorized(&question.request, policies, &question.entities);
    response
        .diagnostics()
        .errors()
        .next()
        .is_none()
        .then_some(response.decision())
}

/// The actions that a scope names, groups written out.
fn actions_of(scope: &Value) -> Vec<Action> {
    let named = |entity: &Value| -> Vec<Action> {
        let id = entity["id"].as_str().expect("an action has an id");
        match id {
            "see" => vec![
                Action::ReadItem,
                Action::ReadSet,
                Action::ReadHistory,
                Action::TakeReceipt,
                Action::MakeBundle,
                Action::ExportCustody,
            ],
            "content" => vec![Action::OpenView, Action::Download],
            _ => Action::ALL
                .iter()
                .copied()
                .filter(|action| action.name() == id)
                .collect(),
        }
    };
    match scope["op"].as_str() {
        Some("All") => Action::ALL.to_vec(),
        Some(_) => match scope["entities"].as_array() {
            Some(entities) => entities.iter().flat_map(named).collect(),
            None => named(&scope["entity"]),
        },
        None => panic!("a scope has an operator"),
    }
}

/// Every form of a JSON value in which one thing is left out or changed, with what was done.
fn mutants(value: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    match value {
        Value::Object(members) => {
            for operator in ["&&", "||"] {
                if let Some(node) = members.get(operator) {
                    all.push((
                        format!("only the right of {operator}"),
                        node["right"].clone(),
                    ));
                    all.push((format!("only the left of {operator}"), node["left"].clone()));
                }
            }
            if let Some(number) = members.get("Value").and_then(Value::as_i64) {
                for other in [number - 1, number + 1] {
                    all.push((format!("{other} for {number}"), json!({"Value": other})));
                }
            }
            for (name, member) in members {
                for (what, mutant) in mutants(member) {
                    let mut members = members.clone();
                    members.insert(name.clone(), mutant);
                    all.push((what, Value::Object(members)));
                }
            }
        }
        Value::Array(elements) => {
            for nth in 0..elements.len() {
                let mut fewer = elements.clone();
                let left_out = fewer.remove(nth);
                all.push((format!("without {left_out}"), Value::Array(fewer)));
                for (what, mutant) in mutants(&elements[nth]) {
                    let mut elements = elements.clone();
                    elements[nth] = mutant;
                    all.push((what, Value::Array(elements)));
                }
            }
        }
        _ => {}
    }
    all
}

#[test]
fn every_policy_changes_a_decision() {
    let world = World::new();
    for policy in world.policies.policies() {
        assert!(
            world.notices(policy, None),
            "`{}` decides nothing",
            policy.id()
        );
    }
}

/// Policies that ask for nothing and so have no part that could be changed.
const WITHOUT_PARTS: [&str; 2] = ["cases.list.anyone", "custody.export.room"];

#[test]
fn every_part_of_every_policy_changes_a_decision() {
    let world = World::new();
    let mut caught: HashMap<String, u32> = HashMap::new();
    let mut survivors = Vec::new();
    for policy in world.policies.policies() {
        let id = policy.id().to_string();
        let json = policy.to_json().expect("a policy has a JSON form");
        for (what, mutant) in mutants(&json) {
            // Not every change is a policy still.
            let Ok(mutant) = Policy::from_json(Some(policy.id().clone()), mutant) else {
                continue;
            };
            if !world.notices(policy, Some(&mutant)) {
                survivors.push(format!("{id}: {what}"));
            }
            *caught.entry(id.clone()).or_default() += 1;
        }
    }
    assert!(survivors.is_empty(), "{survivors:#?}");
    let whole = world
        .policies
        .policies()
        .map(|policy| policy.id().to_string());
    let whole: BTreeSet<String> = whole.filter(|id| !caught.contains_key(id)).collect();
    assert_eq!(whole, WITHOUT_PARTS.map(String::from).into(), "{caught:?}");
    println!("{} passed, 0 failed", caught.values().sum::<u32>());
}

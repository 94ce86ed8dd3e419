//! The answer as a value: a [`Permit`] that only the engine can make, or a [`Refusal`].
//!
//! What reads or changes rows takes a `Permit<A>` by value or reference, so that no path
//! leads past the engine, and writes its policies and policy set into the custody entry.

use std::{fmt, marker::PhantomData};

use custos_core::{
    hash::Hash,
    ids::{AccountId, CaseId, PersonId},
};
use serde_json::{Value, json};

use super::{
    action::{Action, ActionKind},
    classes::ItemClass,
    facts::{Facts, Item, ResourceId},
};

/// Who asked for what, and what decided: common to both answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ruling {
    action: Action,
    person: PersonId,
    account: AccountId,
    resource: ResourceId,
    case: Option<CaseId>,
    policies: Vec<String>,
    set_hash: Hash,
}

impl Ruling {
    /// A ruling by the policies named, which are put in order.
    pub(super) fn new(
        action: Action,
        facts: Facts<'_>,
        mut policies: Vec<String>,
        set_hash: Hash,
    ) -> Self {
        policies.sort_unstable();
        Self {
            action,
            person: facts.actor.person,
            account: facts.actor.account,
            resource: facts.resource.id(),
            case: facts.resource.case(),
            policies,
            set_hash,
        }
    }

    /// A ruling about something that is not there, by no policy.
    pub(super) fn absent(
        action: Action,
        actor: (PersonId, AccountId),
        resource: ResourceId,
        set_hash: Hash,
    ) -> Self {
        Self {
            action,
            person: actor.0,
            account: actor.1,
            resource,
            case: None,
            policies: Vec::new(),
            set_hash,
        }
    }

    fn decision_value(&self, decision: &str) -> Value {
        json!({"decision": decision, "policies": self.policies})
    }
}

/// An unforgeable yes to one action on one resource by one actor.
///
/// It is handed on, but neither copied nor taken for another:
///
/// ```
/// use custos::policy::{action::ReadItem, permit::Permit};
/// fn hand_on(permit: Permit<ReadItem>) -> Permit<ReadItem> {
///     permit
/// }
/// ```
///
/// ```compile_fail
/// use custos::policy::{action::ReadItem, permit::Permit};
/// fn twice(permit: Permit<ReadItem>) -> (Permit<ReadItem>, Permit<ReadItem>) {
///     (permit.clone(), permit)
/// }
/// ```
///
/// ```compile_fail
/// use custos::policy::{action::{OpenView, ReadItem}, permit::Permit};
/// fn more(permit: Permit<ReadItem>) -> Permit<OpenView> {
///     permit
/// }
/// ```
#[must_use = "a permit that is not used was asked for in vain"]
#[derive(Debug)]
pub struct Permit<A: ActionKind> {
    ruling: Ruling,
    action: PhantomData<fn() -> A>,
}

impl<A: ActionKind> Permit<A> {
    /// Only the engine calls this, after Cedar allowed.
    pub(super) const fn new(ruling: Ruling) -> Self {
        Self {
            ruling,
            action: PhantomData,
        }
    }

    /// The action that was allowed.
    pub const fn action(&self) -> Action {
        A::ACTION
    }

    /// The person to whom it was allowed.
    pub const fn person(&self) -> PersonId {
        self.ruling.person
    }

    /// The account to which it was allowed.
    pub const fn account(&self) -> AccountId {
        self.ruling.account
    }

    /// What it was allowed on, and on nothing else.
    pub const fn resource(&self) -> ResourceId {
        self.ruling.resource
    }

    /// The case that the resource belongs to; slot 4.
    pub const fn case(&self) -> Option<CaseId> {
        self.ruling.case
    }

    /// Ids of the policies that decided, in order.
    pub fn policies(&self) -> &[String] {
        &self.ruling.policies
    }

    /// Hash of the policy set that decided.
    pub const fn set_hash(&self) -> Hash {
        self.ruling.set_hash
    }

    /// Slot 17: the policy set's hash as 64 hex digits.
    pub fn policy_set_value(&self) -> Value {
        json!(self.ruling.set_hash)
    }

    /// Slot 18: `{"decision":"allow","policies":[...]}`.
    pub fn decision_value(&self) -> Value {
        self.ruling.decision_value("allow")
    }
}

/// An unforgeable yes to one action on every item of one class, of which policy can't tell one
/// from another.
#[must_use = "a permit that is not used was asked for in vain"]
#[derive(Debug)]
pub struct ClassPermit<A: ActionKind> {
    class: ItemClass,
    action: PhantomData<A>,
}

impl<A: ActionKind> ClassPermit<A> {
    /// Only the engine calls this, after Cedar allowed.
    pub(super) const fn new(_permit: &Permit<A>, class: ItemClass) -> Self {
        let action = PhantomData;
        Self { class, action }
    }

    /// Whether it was allowed on this item.
    pub fn covers(&self, item: &Item) -> bool {
        self.class.covers(item)
    }
}

/// A no, with what a custody entry says about it. Its text tells an outsider nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    // Boxed, so that a `Result` with it stays small.
    ruling: Box<Ruling>,
}

impl Refusal {
    /// Only the engine calls this.
    pub(super) fn new(ruling: Ruling) -> Self {
        Self {
            ruling: Box::new(ruling),
        }
    }

    /// The action that was refused.
    pub fn action(&self) -> Action {
        self.ruling.action
    }

    /// The person who asked.
    pub fn person(&self) -> PersonId {
        self.ruling.person
    }

    /// The account that asked.
    pub fn account(&self) -> AccountId {
        self.ruling.account
    }

    /// What was asked about.
    pub fn resource(&self) -> ResourceId {
        self.ruling.resource
    }

    /// Ids of the policies that forbade, in order; none when nothing permitted.
    pub fn policies(&self) -> &[String] {
        &self.ruling.policies
    }

    /// Hash of the policy set that decided.
    pub fn set_hash(&self) -> Hash {
        self.ruling.set_hash
    }

    /// Slot 17: the policy set's hash as 64 hex digits.
    pub fn policy_set_value(&self) -> Value {
        json!(self.ruling.set_hash)
    }

    /// Slot 18: `{"decision":"deny","policies":[...]}`.
    pub fn decision_value(&self) -> Value {
        self.ruling.decision_value("deny")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not permitted", self.ruling.action)
    }
}

impl std::error::Error for Refusal {}

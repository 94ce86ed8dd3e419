//! Loads a policy set strictly, and decides.

use std::{
    collections::HashSet,
    str::FromStr,
    sync::{Arc, LazyLock},
};

use cedar_policy::{
    ActionConstraint, AuthorizationError, Authorizer, Decision, Entities, Entity, EntityUid,
    Policy, PolicyId, PolicySet, Request, Schema, ValidationMode, Validator,
};
use custos_core::{
    hash::Hash,
    ids::{CaseId, ItemId},
};
use tracing::error;

use super::{
    action::{Action, ActionKind},
    classes::{CaseClass, ItemClass, Kind, Looks, Standing},
    facts::{Actor, Case, Context, Facts, Item, Resource, ResourceId},
    permit::{ClassPermit, Permit, Refusal, Ruling},
    projection::{Types, Unprojectable},
    source::{Source, SourceError},
};

/// Stands in an entry for a denial because a policy failed (F13); no policy has this name.
pub const POLICY_ERROR: &str = "engine.policy_error";

/// Policies of one set at most.
pub const MAX_POLICIES: usize = 1_000;

/// Why a policy set was not loaded. What was in force stays in force.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The text could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The schema does not parse.
    #[error("the schema of the policy set is not valid: {0}")]
    Schema(String),
    /// A file does not parse.
    #[error("`{file}` is not valid Cedar: {reason}")]
    Syntax {
        /// Which file.
        file: String,
        /// What Cedar says.
        reason: String,
    },
    /// A policy has no `@id`, one of an odd form, or one that another policy has.
    #[error("a policy in `{file}` needs an `@id` of its own; it has `{id}`")]
    Id {
        /// Which file.
        file: String,
        /// The id it has, or nothing.
        id: String,
    },
    /// A file holds a template, which nothing links.
    #[error("`{0}` holds a template; only policies are loaded")]
    Template(String),
    /// More than [`MAX_POLICIES`], or none.
    #[error("a policy set has from 1 to {MAX_POLICIES} policies")]
    Count,
    /// Strict validation found something, be it only a warning.
    #[error("the policies do not fit their schema: {0}")]
    Invalid(String),
    /// The schema lacks an action that the room asks about.
    #[error("the schema does not declare the action `{0}`")]
    Action(Action),
}

/// A policy set in force. Loading is slow and strict, deciding is fast; share it by reference.
pub struct Engine {
    schema: Schema,
    set_hash: Hash,
    types: Types,
    // By `Action::number`.
    rules: Vec<Rules>,
}

/// One action, and the policies whose scope it is in. The others could only say that they do
/// not apply, and would be most of the work.
struct Rules {
    action: EntityUid,
    /// The action with its groups, which the facts join. Without them policies on a group, forbids
    /// too, would be lost without a word.
    acts: Vec<Entity>,
    policies: PolicySet,
    /// What they look at of an item.
    looks: Looks,
    /// What they look at of a case.
    looks_at_case: Looks,
}

impl Engine {
    /// The policy set built into this program, which is loaded once.
    ///
    /// # Panics
    /// Never in a program whose tests passed: they load this set.
    pub fn embedded() -> Arc<Self> {
        static EMBEDDED: LazyLock<Arc<Engine>> = LazyLock::new(|| {
            let loaded = Engine::from_source(&Source::embedded());
            Arc::new(loaded.expect("the first policy set is valid"))
        });
        EMBEDDED.clone()
    }

    /// A policy set from its text. Most rooms are founded, and opened, under the one that is built
    /// in, and loading it again would be most of the work.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn of(source: &Source) -> Result<Arc<Self>, LoadError> {
        if *source == Source::embedded() {
            return Ok(Self::embedded());
        }
        Self::from_source(source).map(Arc::new)
    }

    /// A policy set from a schema and named files, in any order.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(schema: &str, files: &[(&str, &str)]) -> Result<Self, LoadError> {
        Self::from_source(&Source::new(schema, files)?)
    }

    /// A policy set from its text.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn from_source(source: &Source) -> Result<Self, LoadError> {
        let schema =
            Schema::from_str(source.schema()).map_err(|e| LoadError::Schema(e.to_string()))?;
        let policies = read_policies(source)?;
        validate(&policies, &schema)?;
        let types = Types::new();
        let declared = schema
            .action_entities()
            .map_err(|e| LoadError::Schema(e.to_string()))?;
        let rules = Action::ALL
            .iter()
            .map(|action| rules_of(*action, &types, &policies, &declared))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            schema,
            set_hash: source.hash(),
            types,
            rules,
        })
    }

    /// The hash of the policy set in force; slot 17.
    pub const fn set_hash(&self) -> Hash {
        self.set_hash
    }

    /// Decides one action on one resource.
    ///
    /// # Errors
    /// A refusal: nothing permitted it, something forbade it, or anything went wrong.
    pub fn decide<A: ActionKind>(&self, facts: Facts<'_>) -> Result<Permit<A>, Refusal> {
        self.ruled(facts, self.prepare(A::ACTION, facts))
    }

    fn ruled<A: ActionKind>(
        &self,
        facts: Facts<'_>,
        asked: Result<Asked, Unprojectable>,
    ) -> Result<Permit<A>, Refusal> {
        let (decision, policies) = self.evaluate(A::ACTION, asked);
        let ruling = Ruling::new(A::ACTION, facts, policies, self.set_hash);
        match decision {
            Decision::Allow => Ok(Permit::new(ruling)),
            Decision::Deny => Err(Refusal::new(ruling)),
        }
    }

    /// Whether each of these actions would be permitted, where a refusal is no event: offering
    /// buttons.
    pub fn offers<const N: usize>(&self, actions: [Action; N], facts: Facts<'_>) -> [bool; N] {
        let told = match self.told_all(facts) {
            Ok(told) => told,
            Err(cause) => {
                error!(cause = %cause, "facts could not be told to the policies; nothing is offered");
                return [false; N];
            }
        };
        actions.map(|action| {
            let asked = self.ask(action, told.clone());
            self.evaluate(action, asked).0 == Decision::Allow
        })
    }

    /// The class of items that this action's policies can't tell from `item`.
    pub fn class_of<A: ActionKind>(&self, item: &Item) -> ItemClass {
        ItemClass::of(item, self.rules[A::ACTION.number()].looks)
    }

    /// The class of cases that this action's policies can't tell from `case`, for whoever stands
    /// so.
    pub fn class_of_case<A: ActionKind>(&self, standing: &Standing, case: &Case) -> CaseClass {
        CaseClass::of(standing, case, self.rules[A::ACTION.number()].looks_at_case)
    }

    /// Decides one action on every item of each of these classes, in their order; nothing where
    /// it is refused, which is no event when a list is filtered.
    pub fn decide_classes<'c, A: ActionKind>(
        &self,
        (actor, context): (&Actor, &Context),
        classes: impl IntoIterator<Item = &'c ItemClass>,
    ) -> Vec<Option<ClassPermit<A>>> {
        // Classes of one case differ only in what is told of the item.
        let mut shared: Option<((CaseId, ItemId), Asked)> = None;
        let decide = |class: &ItemClass| {
            // Made for another action, the class may leave out what this one looks at.
            if class.looks() != self.rules[A::ACTION.number()].looks {
                return None;
            }
            let item = class.item();
            let of = (item.case, item.id);
            let resource = Resource::Item(item);
            let facts = Facts {
                actor,
                resource: &resource,
                context,
            };
            let question = match &shared {
                Some((as_before, question)) if *as_before == of => Ok(question.clone()),
                _ => self.told(facts).and_then(|told| self.ask(A::ACTION, told)),
            };
            let asked = question.and_then(|mut question| {
                shared = Some((of, question.clone()));
                question.entities = self.on(question.entities, &resource)?;
                Ok(question)
            });
            let permit = self.ruled::<A>(facts, asked).ok()?;
            Some(ClassPermit::new(&permit, class.clone()))
        };
        classes.into_iter().map(decide).collect()
    }

    /// The refusal for an id that names nothing, so that it is entered like a hidden one.
    pub fn refuse_unknown<A: ActionKind>(&self, actor: &Actor, resource: ResourceId) -> Refusal {
        let who = (actor.person, actor.account);
        Refusal::new(Ruling::absent(A::ACTION, who, resource, self.set_hash))
    }

    /// The decision and the ids of the policies that made it.
    fn evaluate(
        &self,
        action: Action,
        asked: Result<Asked, Unprojectable>,
    ) -> (Decision, Vec<String>) {
        let policies = &self.rules[action.number()].policies;
        let answer = asked.and_then(|asked| Ok(answer(policies, &asked.request, &asked.entities)?));
        answer.unwrap_or_else(|cause| {
            error!(action = %action, cause = %cause, "a policy decision failed and was denied");
            (Decision::Deny, vec![POLICY_ERROR.to_owned()])
        })
    }

    /// Puts a question into Cedar's terms, checked against the schema.
    pub(super) fn prepare(&self, action: Action, facts: Facts<'_>) -> Result<Asked, Unprojectable> {
        self.ask(action, self.told_all(facts)?)
    }

    fn told_all(&self, facts: Facts<'_>) -> Result<Told, Unprojectable> {
        let mut told = self.told(facts)?;
        told.entities = self.on(told.entities, facts.resource)?;
        Ok(told)
    }

    /// Who asks, and how; of the resource its name.
    fn told(&self, facts: Facts<'_>) -> Result<Told, Unprojectable> {
        let principal = self.types.principal(facts)?;
        Ok(Told {
            principal: principal.uid(),
            resource: self.types.resource_uid(facts.resource),
            context: self.types.context(facts.context)?,
            entities: Entities::empty().add_entities([principal], Some(&self.schema))?,
        })
    }

    /// With what is told of the resource.
    fn on(&self, known: Entities, resource: &Resource) -> Result<Entities, Unprojectable> {
        match self.types.resource(resource)? {
            Some(resource) => Ok(known.add_entities([resource], Some(&self.schema))?),
            None => Ok(known),
        }
    }

    fn ask(&self, action: Action, told: Told) -> Result<Asked, Unprojectable> {
        let rules = &self.rules[action.number()];
        let (who, what) = (told.principal, told.resource);
        let action = rules.action.clone();
        let request = Request::new(who, action, what, told.context, Some(&self.schema))?;
        let acts = rules.acts.iter().cloned();
        let entities = told.entities.add_entities(acts, None)?;
        Ok(Asked { request, entities })
    }
}

/// Facts in Cedar's terms, before an action is asked about.
#[derive(Clone)]
struct Told {
    principal: EntityUid,
    resource: EntityUid,
    context: cedar_policy::Context,
    entities: Entities,
}

/// A question in Cedar's terms.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) entities: Entities,
}

/// What the policies answer. Any error is an error of the whole (F13): Cedar itself would
/// skip the failing policy, and a forbid that fails would vanish.
fn answer(
    policies: &PolicySet,
    request: &Request,
    entities: &Entities,
) -> Result<(Decision, Vec<String>), Box<AuthorizationError>> {
    let response = Authorizer::new().is_authorized(request, policies, entities);
    if let Some(cause) = response.diagnostics().errors().next() {
        return Err(Box::new(cause.clone()));
    }
    let policies = response.diagnostics().reason().map(ToString::to_string);
    Ok((response.decision(), policies.collect()))
}

/// The policies whose scope names the action, a group that it is in, or every action.
fn rules_of(
    action: Action,
    types: &Types,
    policies: &PolicySet,
    declared: &Entities,
) -> Result<Rules, LoadError> {
    let uid = types.action(action.name());
    let groups: HashSet<&EntityUid> = declared
        .ancestors(&uid)
        .ok_or(LoadError::Action(action))?
        .collect();
    let is_in = |named: &EntityUid| *named == uid || groups.contains(named);
    let acts = declared.iter().filter(|entity| is_in(&entity.uid()));
    let acts = acts.cloned().collect();
    let concerning = policies
        .policies()
        .filter(|policy| match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::In(named) => named.iter().any(is_in),
            ActionConstraint::Eq(named) => named == uid,
        });
    let policies = PolicySet::from_policies(concerning.cloned())
        .expect("policies of one set have ids of their own");
    Ok(Rules {
        acts,
        action: uid,
        looks: Looks::of(Kind::Item, policies.policies()),
        looks_at_case: Looks::of(Kind::Case, policies.policies()),
        policies,
    })
}

/// Reads all files into one set, each policy under its `@id`.
pub(super) fn read_policies(source: &Source) -> Result<PolicySet, LoadError> {
    let mut all = PolicySet::new();
    let mut count = 0;
    for (file, text) in source.files() {
        let parsed = PolicySet::from_str(text).map_err(|e| LoadError::Syntax {
            file: file.clone(),
            reason: e.to_string(),
        })?;
        if parsed.templates().next().is_some() {
            return Err(LoadError::Template(file.clone()));
        }
        for policy in parsed.policies() {
            count += 1;
            let policy = named(policy, file)?;
            let id = policy.id().to_string();
            all.add(policy).map_err(|_| LoadError::Id {
                file: file.clone(),
                id,
            })?;
        }
    }
    if !(1..=MAX_POLICIES).contains(&count) {
        return Err(LoadError::Count);
    }
    Ok(all)
}

/// The policy under the id of its annotation: lower-case words, dots between them, and not
/// one of the engine's own.
fn named(policy: &Policy, file: &str) -> Result<Policy, LoadError> {
    let id = policy.annotation("id").unwrap_or_default();
    let good = id.len() <= 100
        && !id.starts_with("engine.")
        && id.split('.').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        });
    if good {
        Ok(policy.new_id(PolicyId::new(id)))
    } else {
        Err(LoadError::Id {
            file: file.to_owned(),
            id: id.chars().take(100).collect(),
        })
    }
}

/// Strict validation, warnings included: a policy that can never apply is a mistake.
fn validate(policies: &PolicySet, schema: &Schema) -> Result<(), LoadError> {
    let result = Validator::new(schema.clone()).validate(policies, ValidationMode::Strict);
    if result.validation_passed_without_warnings() {
        return Ok(());
    }
    let errors = result.validation_errors().map(ToString::to_string);
    let warnings = result.validation_warnings().map(ToString::to_string);
    Err(LoadError::Invalid(
        errors.chain(warnings).collect::<Vec<_>>().join("; "),
    ))
}

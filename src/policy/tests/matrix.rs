//! Every role, action and state against the oracle.

use super::{
    oracle::{self, CASE_ROLES, ROOM_ROLES},
    world::{CASE, Candidate, FIFTEEN, FOURTEEN, ME, OTHER_CASE, On, SOMEBODY, Who, decide},
};
use crate::policy::{action::Action, engine::Engine, facts::Means};

/// Everyone who can hold one role, and somebody without any.
pub fn one_role() -> Vec<Who> {
    let mut all = vec![Who::with(&[])];
    all.extend(
        CASE_ROLES
            .iter()
            .chain(&ROOM_ROLES)
            .map(|role| Who::with(&[role])),
    );
    all.extend(CASE_ROLES.map(|role| Who {
        here: false,
        ..Who::with(&[role])
    }));
    all
}

/// The same person when one circumstance is another.
pub fn circumstances(who: &Who) -> Vec<Who> {
    let base = || who.clone();
    let mut all = vec![
        Who {
            person_active: false,
            ..base()
        },
        Who {
            account_active: false,
            ..base()
        },
        Who {
            durable: false,
            ..base()
        },
        Who {
            settled: false,
            ..base()
        },
    ];
    for wall in [CASE, OTHER_CASE] {
        all.push(Who {
            wall: Some(wall),
            ..base()
        });
    }
    for &means in Means::ALL {
        all.push(Who { means, ..base() });
    }
    for factor in [None, Some(0), Some(901)] {
        all.push(Who { factor, ..base() });
    }
    for purpose in [None, Some(""), Some(FOURTEEN), Some("               ")] {
        all.push(Who {
            purpose: purpose.map(str::to_owned),
            ..base()
        });
    }
    for approvers in [vec![], vec![ME], vec![ME, SOMEBODY]] {
        all.push(Who {
            approvers,
            ..base()
        });
    }
    all.extend(Candidate::ALL.map(|candidate| Who {
        candidate,
        ..base()
    }));
    all
}

/// Asks every action on everything, and counts what was allowed and what was not.
fn compare(engine: &Engine, who: &Who, actions: &[Action]) -> (u32, u32) {
    let (mut allowed, mut denied) = (0, 0);
    for &action in actions {
        for on in On::all() {
            let (decision, policies) = decide(engine, action, who, on);
            let expected = oracle::allows(action, who, on);
            assert_eq!(
                decision, expected,
                "{action} by {who:?} on {on:?}: {policies:?}"
            );
            *if decision { &mut allowed } else { &mut denied } += 1;
        }
    }
    (allowed, denied)
}

#[test]
fn each_role_gets_exactly_what_the_matrix_says() {
    let engine = Engine::embedded();
    let (mut allowed, mut denied) = (0, 0);
    for who in one_role() {
        let (yes, no) = compare(&engine, &who, Action::ALL);
        allowed += yes;
        denied += no;
    }
    assert!(
        allowed > 500 && denied > 5_000,
        "{allowed} allowed, {denied} denied"
    );
}

#[test]
fn two_roles_get_what_either_gets() {
    let engine = Engine::embedded();
    let roles: Vec<&str> = CASE_ROLES.iter().chain(&ROOM_ROLES).copied().collect();
    // All actions in the long run.
    let actions = [Action::ReadItem, Action::Download, Action::ReadSet];
    for (nth, first) in roles.iter().enumerate() {
        for second in &roles[nth + 1..] {
            compare(&engine, &Who::with(&[first, second]), &actions);
        }
    }
}

#[test]
fn each_circumstance_counts_where_it_should() {
    let engine = Engine::embedded();
    let actions = [
        Action::AddPerson,
        Action::ListCases,
        Action::ReadCase,
        Action::OpenView,
        Action::ManagePeople,
        Action::ManageTokens,
        Action::ChangePolicy,
        Action::TransferCase,
        Action::RecoverAccount,
        Action::AskApproval,
        Action::Approve,
    ];
    for role in ["judge", "custodian", "administrator"] {
        for who in circumstances(&Who::with(&[role])) {
            compare(&engine, &who, &actions);
        }
    }
}

/// The long run: `cargo test --release -p custos --lib matrix -- --include-ignored`.
#[test]
#[ignore = "seven million decisions, to be made in release"]
fn every_combination_agrees_with_the_oracle() {
    let engine = Engine::embedded();
    let mut decided = 0_u64;
    for one in one_role() {
        for other in circumstances(&one) {
            for who in circumstances(&other) {
                let (yes, no) = compare(&engine, &who, Action::ALL);
                decided += u64::from(yes) + u64::from(no);
            }
        }
    }
    let roles: Vec<&str> = CASE_ROLES.iter().chain(&ROOM_ROLES).copied().collect();
    for first in &roles {
        for second in &roles {
            for who in circumstances(&Who::with(&[first, second])) {
                let (yes, no) = compare(&engine, &who, Action::ALL);
                decided += u64::from(yes) + u64::from(no);
            }
        }
    }
    println!("{decided} passed, 0 failed");
}

#[test]
fn fifteen_characters_are_counted_as_characters() {
    assert_eq!(FIFTEEN.chars().count(), 15);
    assert_eq!(FOURTEEN.trim().chars().count(), 14);
    assert!(FOURTEEN.chars().count() > 15);
}

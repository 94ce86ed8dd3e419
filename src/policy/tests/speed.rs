//! How fast decisions are made, on one core.

use std::time::{Duration, Instant};

use super::world::{On, Served, Who};
use crate::policy::{action::ReadItem, engine::Engine, facts::Facts};

/// What a list of 100,000 items needs to be filtered in a few seconds.
const DECISIONS_PER_SECOND: u32 = 15_000;

/// A measurement: `cargo test --release -p custos --lib speed -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, to be made in release"]
fn a_list_is_filtered_quickly() {
    let engine = Engine::embedded();
    let who = Who::with(&["defence"]);
    let (actor, context) = (who.actor(), who.context());
    let items = Served::ALL.map(|served| {
        let item = On::Item {
            restricted: false,
            quarantined: false,
            served,
            mine: false,
        };
        item.facts()
    });
    let start = Instant::now();
    let (mut seen, mut decided) = (0_u32, 0_u32);
    while start.elapsed() < Duration::from_secs(3) {
        for resource in &items {
            let facts = Facts {
                actor: &actor,
                resource,
                context: &context,
            };
            seen += u32::from(engine.decide::<ReadItem>(facts).is_ok());
            decided += 1;
        }
    }
    let rate = f64::from(decided) / start.elapsed().as_secs_f64();
    println!("{rate:.0} decisions a second");
    assert_eq!(
        seen * 2,
        decided,
        "two of four items were served to the party"
    );
    assert!(
        rate >= f64::from(DECISIONS_PER_SECOND),
        "{rate:.0} a second"
    );
}

//! Sound rooms raise no alarm.

use super::bench::{Copy, shown};
use crate::app::{
    audit::{Content, Options, Phase, audit},
    tests::world::World,
};

#[test]
fn a_sound_room_raises_no_alarm() {
    let mut copy = Copy::new();
    for content in [Content::Full, Content::Blake3Only, Content::Skip] {
        let report = copy.audit_with(content);
        assert!(report.is_sound(), "{}", shown(&report));
        assert_eq!((report.notes_total, report.unchecked), (0, 0), "{report:?}");
        let checked = report.checked;
        assert!(
            checked.entries > 15 && checked.checkpoints == 4,
            "{checked:?}"
        );
        assert!(checked.tiles > 4 && checked.keys > 10, "{checked:?}");
        assert!(checked.rows > 20 && checked.items == 2, "{checked:?}");
        assert_eq!(checked.stored_bytes > 0, content != Content::Skip);
    }
}

#[tokio::test]
async fn a_room_at_work_raises_no_alarm() {
    let world = World::new().await;
    for round in 0..6 {
        world.person(&format!("p{round}"), &[]).await;
        if round % 2 == 1 {
            world.check_log().await;
        }
        let places = world.places();
        let (send, phases) = std::sync::mpsc::channel();
        let report = audit(
            (&places.keys, &places.database),
            world.room.store.clone(),
            Options::default(),
            move |progress| {
                assert!(progress.done <= progress.total, "{progress:?}");
                let _ = send.send(progress.phase);
            },
        )
        .await
        .expect("audited");
        assert!(report.is_sound(), "{}", shown(&report));
        assert_eq!(report.checked.entries, world.size());
        let phases: Vec<Phase> = phases.iter().collect();
        assert!(phases.contains(&Phase::Log) && phases.contains(&Phase::Keys));
    }
}

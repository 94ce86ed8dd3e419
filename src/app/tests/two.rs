//! Two processes at one register: two open rooms that share nothing else in memory. What only a
//! server has is tried where `CUSTOS_TEST_DATABASE` names one, as `tests/run.sh` does.

use std::time::Duration;

use diesel::connection::SimpleConnection;

use super::{Bench, Cover, check_log};
use crate::{
    app::{Room, leading},
    db::{DbError, Pool, audit, dialect, scratch},
};

async fn write(room: &Room, rounds: usize) -> Vec<u64> {
    let mut indices = Vec::new();
    for round in 0..rounds {
        let many = (0..8).map(|nth| {
            room.writer.submit(Cover {
                count: 1 + nth % 3,
                fail: nth == 5 && round % 2 == 0,
            })
        });
        for done in futures::future::join_all(many).await.into_iter().flatten() {
            indices.extend(done.entered.iter().map(|entered| entered.index.get()));
        }
    }
    indices
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_make_one_log() {
    let bench = Bench::new();
    let one = bench.open().await.expect("opens");
    let other = bench.open().await.expect("opens beside it");
    let before = *one.writer.committed().borrow();
    let (first, second) = futures::join!(write(&one, 12), write(&other, 12));
    let mut all = [first, second].concat();
    all.sort_unstable();
    let end = before + all.len() as u64;
    assert_eq!(all, (before..end).collect::<Vec<_>>());
    drop((one, other));
    let room = bench.open().await.expect("opens again");
    assert_eq!(*room.writer.committed().borrow(), end);
    check_log(&room).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_publishers_follow_each_other() {
    if !scratch::is_served() {
        return;
    }
    let bench = Bench::new();
    let one = bench.open().await.expect("opens");
    let other = bench.open().await.expect("opens beside it");
    for round in 0..6 {
        let (here, there) = if round % 2 == 0 {
            (&one, &other)
        } else {
            (&other, &one)
        };
        write(here, 3).await;
        check_log(here).await;
        // It has not heard of it, and covers it as soon as it looks.
        there.publisher.follow().await.expect("follows");
        assert_eq!(*here.published.borrow(), *there.published.borrow());
    }
    // Both at once: what one of them published, the other publishes nothing on top of.
    for _ in 0..6 {
        write(&one, 2).await;
        let (here, there) = futures::join!(one.publisher.publish(), other.publisher.publish());
        assert_eq!(here.expect("published"), there.expect("published"));
    }
    check_log(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_file_is_replaced() {
    if !scratch::is_served() {
        return;
    }
    let bench = Bench::new();
    let one = bench.open().await.expect("opens");
    let other = bench.open().await.expect("opens beside it");
    check_log(&one).await;
    let older = one.store.get_public("checkpoint").await.expect("a note");
    write(&one, 2).await;
    check_log(&one).await;
    let newer = one.store.get_public("checkpoint").await.expect("a note");
    // As a process does that was held up between its commit and the file.
    one.store
        .put_public("checkpoint", older)
        .await
        .expect("put back");
    other.publisher.follow().await.expect("follows");
    let found = one.store.get_public("checkpoint").await.expect("a note");
    assert_eq!(found, newer);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_leads_and_a_former_leader_publishes_nothing() {
    if !scratch::is_served() {
        return;
    }
    let bench = Bench::new();
    let one = bench.open().await.expect("opens");
    let other = bench.open().await.expect("opens beside it");
    assert!(leading::keep(&one).await.expect("asked"));
    assert!(!leading::keep(&other).await.expect("asked"));
    let former = one.lead.epoch();
    assert!(former.is_some() && one.lead.holds() && !other.lead.holds());
    leading::give_up(&one, true).await.expect("given up");
    assert!(!leading::keep(&one).await.expect("asked"));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(leading::keep(&other).await.expect("asked"));
    assert!(other.lead.epoch() > former);
    write(&one, 1).await;
    let refused = one.publisher.publish_leading(former).await;
    assert!(refused.is_err(), "{refused:?}");
    let led = other.publisher.publish_leading(other.lead.epoch()).await;
    led.expect("published");
    check_log(&other).await;
}

/// What a server's operator does to a room's connections.
fn cut(at: &crate::db::Location) {
    scratch::run(
        at,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_replaced_and_nothing_is_lost() {
    if !scratch::is_served() {
        return;
    }
    let bench = Bench::new();
    let room = bench.open().await.expect("opens");
    for _ in 0..3 {
        let before = *room.writer.committed().borrow();
        write(&room, 1).await;
        assert!(*room.writer.committed().borrow() > before);
        cut(bench.database());
        // Nobody knows of a loss before it shows; the batch that meets it is told as failed.
        let cover = || Cover {
            count: 1,
            fail: false,
        };
        let lost = room.writer.submit(cover()).await;
        assert!(lost.is_err(), "{lost:?}");
        room.writer.submit(cover()).await.expect("goes on");
        check_log(&room).await;
    }
    assert!(!room.writer.is_stopped());
}

#[test]
fn a_server_that_may_lose_commits_is_refused() {
    if !scratch::is_served() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = scratch::register(folder.path());
    for (level, is_good) in [
        ("off", false),
        ("local", false),
        ("remote_write", false),
        ("remote_apply", true),
        ("on", true),
    ] {
        let mut connection = dialect::connect(&at).expect("connects");
        let set = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = {level}', \
             current_database()); END $$"
        );
        connection.batch_execute(&set).expect("set");
        drop(connection);
        match dialect::connect(&at) {
            Ok(_) => assert!(is_good, "{level}"),
            Err(DbError::Setting { name, got, .. }) => {
                assert!(!is_good && name == "synchronous_commit" && got == level);
                // The one way back: a setting of the connection's own is not asked for.
                reset(&at);
            }
            Err(other) => panic!("{level}: {other}"),
        }
    }
}

/// Puts the setting back on a connection that names it itself.
fn reset(at: &crate::db::Location) {
    let crate::db::Location::Server(url) = at else {
        panic!("a server");
    };
    let mark = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{mark}options=-csynchronous_commit%3Don");
    let mut connection = dialect::connect(&crate::db::Location::Server(url)).expect("connects");
    let reset = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET synchronous_commit', \
                 current_database()); END $$";
    connection.batch_execute(reset).expect("reset");
}

#[test]
fn a_transaction_that_was_given_up_is_not_called_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let pool = Pool::open(&scratch::register(folder.path())).expect("made");
    let mut connection = pool.connect_to_write().expect("connects");
    let done: Result<(), diesel::result::Error> = dialect::write(&mut connection, |connection| {
        connection
            .batch_execute("INSERT INTO scopes (id, kind) VALUES (NULL, 'x')")
            .expect_err("not without an id");
        Ok(())
    });
    // A server gives the transaction up with its first error; SQLite goes on.
    assert_eq!(done.is_err(), scratch::is_served());
    let kept = dialect::savepoint(&mut connection, |connection| {
        connection.batch_execute("SELECT nothing FROM nowhere")
    });
    kept.expect_err("there is no such table");
}

#[test]
fn a_statement_that_fails_in_a_savepoint_undoes_no_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let pool = Pool::open(&scratch::register(folder.path())).expect("made");
    let mut connection = pool.connect_to_write().expect("connects");
    let insert = "INSERT INTO leases (name, holder, epoch, until) VALUES ('a', NULL, 1, 1)";
    let good = "INSERT INTO checkpoints (size, note, time) VALUES (1, 'x', 1)";
    dialect::write(&mut connection, |connection| {
        connection.batch_execute(good)?;
        let failed = dialect::savepoint(connection, |connection| connection.batch_execute(insert));
        assert!(matches!(failed, Err(dialect::Undone::Savepoint(_))));
        connection.batch_execute(&good.replace("(1,", "(2,"))
    })
    .expect("committed");
    let rows = dialect::raw(&mut connection, "SELECT size FROM checkpoints", &[]).expect("read");
    assert_eq!(rows.len(), 2);
}

#[test]
fn what_is_not_of_the_migrations_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = scratch::register(folder.path());
    let mut connection = Pool::open(&at).expect("made").connect().expect("connects");
    let wanted = audit::wanted(&mut connection).expect("made");
    let mut faults = || audit::faults(&mut connection, &wanted).expect("read");
    assert_eq!(faults(), Vec::<String>::new());
    let changes = [
        ("CREATE TABLE more (x BIGINT)", "DROP TABLE more"),
        ("CREATE INDEX more ON people (status)", "DROP INDEX more"),
        ("CREATE VIEW more AS SELECT 1 AS x", "DROP VIEW more"),
    ];
    let served = [
        (
            "ALTER TABLE people ALTER COLUMN status DROP NOT NULL",
            "ALTER TABLE people ALTER COLUMN status SET NOT NULL",
        ),
        (
            "CREATE RULE more AS ON DELETE TO people DO INSTEAD NOTHING",
            "DROP RULE more ON people",
        ),
        (
            "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DROP FUNCTION more()",
        ),
        (
            "ALTER TABLE people ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE people DISABLE ROW LEVEL SECURITY",
        ),
    ];
    let served = served.iter().filter(|_| scratch::is_served());
    for (change, back) in changes.iter().chain(served) {
        scratch::run(&at, change);
        assert!(!faults().is_empty(), "{change}");
        scratch::run(&at, back);
    }
    assert_eq!(faults(), Vec::<String>::new());
}

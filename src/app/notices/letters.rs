//! The words of a letter, and the body of an event. Neither names a case, a person or a file,
//! and neither counts anything.

use custos_core::ids::Timestamp;
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use zeroize::Zeroizing;

use super::kinds::{About, Kind};
use crate::{
    db::outbox::NoticeRow,
    peers::{mail::Letter, webhooks},
};

/// A letter about a notice, to an address.
pub(super) fn letter(
    room: &str,
    (notice, kind): (&NoticeRow, Kind),
    to: &str,
    code: Option<&str>,
) -> Letter {
    let subject = match kind {
        Kind::AddressNamed => "Confirm this mail address",
        _ if kind.about() == About::Account => "Your account in the evidence room",
        _ => "Something new for you in the evidence room",
    };
    Letter {
        id: notice.id.to_string(),
        to: to.into(),
        subject,
        text: Zeroizing::new(match (kind, code) {
            (Kind::AddressNamed, code) => confirmation(room, code.unwrap_or_default()),
            (Kind::AccountSuspended, _) => of_account(
                room,
                kind,
                "Nobody can sign in with it. An administrator of the room can tell you why.",
            ),
            (kind, _) if kind.about() == About::Account => of_account(
                room,
                kind,
                "If you know of this, there is nothing to do. If you do not, tell an\n\
                 administrator of the room at once.",
            ),
            (kind, _) => something_new(room, kind),
        }),
    }
}

fn something_new(room: &str, kind: Kind) -> String {
    let words = kind.words();
    format!(
        "There is something new for you in the room; sign in.\n\n{room}/notices\n\n\
         What it concerns: {words}.\n\n{END}"
    )
}

fn of_account(room: &str, kind: Kind, advice: &str) -> String {
    let mut words = kind.words().to_owned();
    words[..1].make_ascii_uppercase();
    format!("{words}.\n\n{advice}\n\n{room}\n\n{END}")
}

fn confirmation(room: &str, code: &str) -> String {
    format!(
        "Somebody who is signed in to the evidence room at\n\n{room}\n\n\
         asked that letters for their account go to this address. If it was\n\
         you, sign in, then open this link. It works once, and for 15 minutes.\n\n\
         {room}/mail#{code}\n\n\
         If it was not you, do nothing: no other letter comes here unless you\nconfirm.\n"
    )
}

/// How letters end.
const END: &str = "Letters say no more than this, on purpose. Nobody reads answers to them.\n";

/// An event about a notice. Its id is the notice's, for every attempt.
pub(super) fn event(notice: &NoticeRow, kind: Kind, now: Timestamp) -> webhooks::Event {
    let body = json!({
        "type": format!("custos.{}", kind.name()),
        "timestamp": rfc3339(notice.created_at),
        "data": {kind.about().name(): notice.about_id},
    });
    webhooks::Event {
        id: notice.id.to_string(),
        seconds: now.micros() / 1_000_000,
        body: body.to_string(),
    }
}

fn rfc3339(time: Timestamp) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.micros()) * 1_000);
    let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use custos_core::ids::{Id, RowId};

    use super::*;

    fn notice(kind: Kind) -> NoticeRow {
        NoticeRow {
            id: RowId::from_bytes([1; 16]),
            account_id: None,
            endpoint: None,
            kind: kind.name().into(),
            about_id: Id::from_bytes([2; 16]),
            address_id: None,
            created_at: Timestamp::from_micros(1_795_440_330_000_000).expect("a time"),
            read_at: None,
            state: "waiting".into(),
            attempts: 1,
            next_at: None,
            told: None,
        }
    }

    #[test]
    fn a_letter_names_nothing_but_the_room() {
        for kind in Kind::ALL {
            let letter = letter(
                "https://room.example",
                (&notice(kind), kind),
                "ana@room.example",
                Some("a-code"),
            );
            let told = format!("{}\n{}", letter.subject, *letter.text);
            assert!(
                told.is_ascii() && told.contains("https://room.example"),
                "{told}"
            );
            let secret = kind == Kind::AddressNamed;
            assert_eq!(told.contains("a-code"), secret, "{told}");
            // Neither what it is about, nor to whom it goes, nor the id of the notice.
            for id in ["0202", "0101", "ana"] {
                assert!(!told.contains(id), "{told}");
            }
            assert!(told.lines().all(|line| line.len() <= 76), "{told}");
        }
    }

    #[test]
    fn an_event_names_ids_alone() {
        let now = Timestamp::from_micros(1_795_440_390_500_000).expect("a time");
        let event = event(&notice(Kind::Served), Kind::Served, now);
        assert_eq!(event.seconds, 1_795_440_390);
        assert_eq!(event.id, "01".repeat(16));
        let body: serde_json::Value = serde_json::from_str(&event.body).expect("JSON");
        let expected = json!({
            "type": "custos.served",
            "timestamp": "2026-11-23T13:25:30Z",
            "data": {"item": "02".repeat(16)},
        });
        assert_eq!(body, expected);
    }
}

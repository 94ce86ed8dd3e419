//! What is neither of a case nor of an account: requests, notices, one's own sessions.

use super::{
    super::operation::{Operation, Who::Session},
    NOTICES, READ, REQUESTS, ROOM, TOKENS, WITNESSES, get, post,
};
use crate::{
    app::{
        audits::{AuditList, AuditPage},
        notices::reading::{Notice, Undelivered},
        requests::RequestSummary,
        sessions::SessionSummary,
    },
    http::room::api::{
        Changed, List, Made,
        requests::{CarriedOut, NewRequest},
        witnesses::{AuthoritySummary, Stamping, WitnessList},
    },
};

pub(super) fn sessions() -> Vec<Operation> {
    vec![
        get("/api/v1/sessions", "listSessions")
            .of(TOKENS, Session)
            .says("One's own sessions that hold", "Newest first.")
            .gives::<List<SessionSummary>>(),
        post("/api/v1/sessions/<session>/end", "endSession")
            .of(TOKENS, Session)
            .says("End one of one's own sessions", "It takes effect at once.")
            .gives::<Changed>(),
    ]
}

pub(super) fn requests() -> Vec<Operation> {
    vec![
        get("/api/v1/requests", "listRequests")
            .of(REQUESTS, READ)
            .says("Requests of which you may know", "Those that wait first.")
            .gives::<List<RequestSummary>>(),
        post("/api/v1/requests", "askForApproval")
            .of(REQUESTS, Session)
            .says(
                "Ask for something that needs a second person",
                "What is asked for is fixed exactly; the approval is of that and of nothing else.",
            )
            .takes::<NewRequest>()
            .makes::<Made>()
            .or(&["conflict", "not-found"]),
        post("/api/v1/requests/<request>/approval", "approveRequest")
            .of(REQUESTS, Session)
            .says("Approve a request", "By another person than whoever asks.")
            .gives::<Changed>()
            .or(&["conflict"]),
        post("/api/v1/requests/<request>/refusal", "declineRequest")
            .of(REQUESTS, Session)
            .says("Decline a request", "By whoever may approve it.")
            .gives::<Changed>()
            .or(&["conflict"]),
        post("/api/v1/requests/<request>/withdrawal", "withdrawRequest")
            .of(REQUESTS, Session)
            .says("Take a request back", "By whoever asked.")
            .gives::<Changed>()
            .or(&["conflict"]),
        post("/api/v1/requests/<request>/execution", "carryOutRequest")
            .of(REQUESTS, Session)
            .says(
                "Carry out what was approved",
                "Once, and exactly that; what has changed meanwhile stands in its way.",
            )
            .gives::<CarriedOut>()
            .or(&["conflict"]),
    ]
}

pub(super) fn notices() -> Vec<Operation> {
    vec![
        get("/api/v1/notices", "listNotices")
            .of(NOTICES, READ)
            .says(
                "One's own notices",
                "Newest first, as far as you may know of what they are about.",
            )
            .gives::<List<Notice>>(),
        post("/api/v1/notices/<notice>/read", "markNotice")
            .of(NOTICES, READ)
            .says("Mark a notice as read", "It leaves no entry."),
        get("/api/v1/notices/undelivered", "listUndelivered")
            .of(NOTICES, Session)
            .says("What could not be delivered", "For administrators.")
            .gives::<List<Undelivered>>(),
    ]
}

pub(super) fn audits() -> Vec<Operation> {
    vec![
        get("/api/v1/audits", "listAudits")
            .of(ROOM, READ)
            .says(
                "Rounds in which the room audited itself",
                "The newest first; for auditors and administrators. What is unresolved is what the newest round found.",
            )
            .gives::<AuditList>(),
        get("/api/v1/audits/<audit>", "readAudit")
            .of(ROOM, READ)
            .says(
                "One round, and where it found something",
                "For auditors and administrators. No case, item or person is named.",
            )
            .gives::<AuditPage>(),
    ]
}

pub(super) fn witnesses() -> Vec<Operation> {
    vec![
        get("/api/v1/witnesses", "listWitnesses")
            .of(WITNESSES, Session)
            .says(
                "Who confirms the custody log",
                "For administrators; with the checkpoints that contradict it.",
            )
            .gives::<WitnessList>(),
        get("/api/v1/timestamps", "listTimestamps")
            .of(WITNESSES, Session)
            .says(
                "Who says when the log existed",
                "The time authorities of the settings, each with its newest token; for administrators.",
            )
            .gives::<List<AuthoritySummary>>(),
        post("/api/v1/timestamps", "stampLog")
            .of(WITNESSES, Session)
            .says(
                "Have the newest checkpoint stamped",
                "By each time authority of the settings, now; for administrators. What is repeated under its key is answered by the tokens that it brought.",
            )
            .gives::<Stamping>()
            .or(&["conflict", "unanswered"]),
    ]
}

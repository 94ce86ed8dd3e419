-- What needs a second person: who asked for exactly what, and who approved it. `details` is
-- encrypted under the value key of the row's scope, and the row is bound: that of an approved
-- request to the entry that approved it.
CREATE TABLE requests (
    id          BLOB   PRIMARY KEY NOT NULL,
    rev         BIGINT NOT NULL,
    salt        BLOB   NOT NULL,
    entry       BLOB   NOT NULL,
    scope_id    BLOB   NOT NULL REFERENCES scopes (id),
    case_id     BLOB   REFERENCES cases (id),
    asked_for   TEXT   NOT NULL,
    asked_hash  BLOB   NOT NULL,
    asker_id    BLOB   NOT NULL REFERENCES people (id),
    approver_id BLOB   REFERENCES people (id),
    status      TEXT   NOT NULL,
    asked_at    BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    details     BLOB   NOT NULL
);
CREATE INDEX requests_asked ON requests (asked_at);

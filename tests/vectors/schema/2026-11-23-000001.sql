-- A register as version 2026-11-23-000001 of the schema made it. Frozen: rooms of that version
-- exist, so this is never changed to fit a newer one. What follows is its migration, word for word.

CREATE TABLE __diesel_schema_migrations (
       version VARCHAR(50) PRIMARY KEY NOT NULL,
       run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO __diesel_schema_migrations (version) VALUES ('20261123000001');

-- The register of one evidence room.
--
-- Columns named `details`, `link`, `body` and `heads` hold values encrypted under the value
-- key of the row's scope (formats, section 1, "database value"), or, for `body`, under the
-- subject's entry key. Bound tables carry `rev`, `salt` and `entry` (formats, section 10);
-- rows of `sessions`, `enrolments`, `uploads` and `views` carry a `mac` under the session key.

CREATE TABLE log_head (
    id         INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    origin     TEXT    NOT NULL,
    room_id    BLOB    NOT NULL,
    size       BIGINT  NOT NULL,
    root       BLOB    NOT NULL,
    edge       BLOB    NOT NULL,
    time       BIGINT  NOT NULL,
    published  BIGINT  NOT NULL
);

-- Most of the room's writing: each index costs every entry a page, at random places the more.
CREATE TABLE entries (
    idx         INTEGER PRIMARY KEY NOT NULL,
    id          BLOB    NOT NULL,
    leaf        BLOB    NOT NULL,
    scope_id    BLOB,
    scope_nth   BIGINT,
    item_nth    BIGINT,
    subject_id  BLOB,
    subject_nth BIGINT,
    writes_rows BOOLEAN NOT NULL,
    link        BLOB,
    body        BLOB,
    UNIQUE (scope_id, scope_nth),
    UNIQUE (scope_id, subject_id, subject_nth)
);
CREATE UNIQUE INDEX entries_items ON entries (scope_id, item_nth) WHERE item_nth IS NOT NULL;
-- A bound row names the entry that last wrote it by its commitment.
CREATE INDEX entries_leaf ON entries (leaf) WHERE writes_rows;

CREATE TABLE checkpoints (
    size BIGINT PRIMARY KEY NOT NULL,
    note BLOB   NOT NULL,
    time BIGINT NOT NULL
);

CREATE TABLE scopes (
    id      BLOB PRIMARY KEY NOT NULL,
    kind    TEXT NOT NULL,
    case_id BLOB
);

CREATE TABLE wrapped_keys (
    id        BLOB PRIMARY KEY NOT NULL,
    parent_id BLOB NOT NULL,
    purpose   TEXT NOT NULL,
    scope_id  BLOB NOT NULL,
    owner_id  BLOB NOT NULL,
    wrapped   BLOB NOT NULL,
    UNIQUE (scope_id, owner_id, purpose)
);

CREATE TABLE people (
    id      BLOB   PRIMARY KEY NOT NULL,
    rev     BIGINT NOT NULL,
    salt    BLOB   NOT NULL,
    entry   BLOB   NOT NULL,
    status  TEXT   NOT NULL,
    details BLOB   NOT NULL
);

CREATE TABLE accounts (
    id          BLOB   PRIMARY KEY NOT NULL,
    rev         BIGINT NOT NULL,
    salt        BLOB   NOT NULL,
    entry       BLOB   NOT NULL,
    person_id   BLOB   NOT NULL REFERENCES people (id),
    login_index BLOB   NOT NULL UNIQUE,
    status      TEXT   NOT NULL,
    details     BLOB   NOT NULL
);

CREATE TABLE credentials (
    id         BLOB   PRIMARY KEY NOT NULL,
    rev        BIGINT NOT NULL,
    salt       BLOB   NOT NULL,
    entry      BLOB   NOT NULL,
    account_id BLOB   NOT NULL REFERENCES accounts (id),
    kind       TEXT   NOT NULL,
    status     TEXT   NOT NULL,
    details    BLOB   NOT NULL
);
CREATE INDEX credentials_account ON credentials (account_id);

CREATE TABLE tokens (
    id          BLOB   PRIMARY KEY NOT NULL,
    rev         BIGINT NOT NULL,
    salt        BLOB   NOT NULL,
    entry       BLOB   NOT NULL,
    account_id  BLOB   NOT NULL REFERENCES accounts (id),
    secret_hash BLOB   NOT NULL UNIQUE,
    rights      TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL,
    status      TEXT   NOT NULL,
    details     BLOB   NOT NULL
);
CREATE INDEX tokens_account ON tokens (account_id);

CREATE TABLE cases (
    id             BLOB   PRIMARY KEY NOT NULL,
    rev            BIGINT NOT NULL,
    salt           BLOB   NOT NULL,
    entry          BLOB   NOT NULL,
    scope_id       BLOB   NOT NULL UNIQUE REFERENCES scopes (id),
    court_scope_id BLOB   NOT NULL UNIQUE REFERENCES scopes (id),
    stage          TEXT   NOT NULL,
    details        BLOB   NOT NULL
);

CREATE TABLE parties (
    id      BLOB   PRIMARY KEY NOT NULL,
    rev     BIGINT NOT NULL,
    salt    BLOB   NOT NULL,
    entry   BLOB   NOT NULL,
    case_id BLOB   NOT NULL REFERENCES cases (id),
    side    TEXT   NOT NULL,
    details BLOB   NOT NULL
);
CREATE INDEX parties_case ON parties (case_id);

-- A role on a case, or, without a case, in the room.
CREATE TABLE roles (
    id        BLOB   PRIMARY KEY NOT NULL,
    rev       BIGINT NOT NULL,
    salt      BLOB   NOT NULL,
    entry     BLOB   NOT NULL,
    person_id BLOB   NOT NULL REFERENCES people (id),
    case_id   BLOB   REFERENCES cases (id),
    party_id  BLOB   REFERENCES parties (id),
    role      TEXT   NOT NULL,
    status    TEXT   NOT NULL
);
CREATE INDEX roles_person ON roles (person_id);
CREATE INDEX roles_case ON roles (case_id);

-- An item is never changed: its rev stays 1. What changes is its row in `states`.
CREATE TABLE items (
    id        BLOB   PRIMARY KEY NOT NULL,
    rev       BIGINT NOT NULL,
    salt      BLOB   NOT NULL,
    entry     BLOB   NOT NULL,
    case_id   BLOB   NOT NULL REFERENCES cases (id),
    scope_id  BLOB   NOT NULL REFERENCES scopes (id),
    nth       BIGINT NOT NULL,
    object_id BLOB   NOT NULL UNIQUE,
    details   BLOB   NOT NULL,
    UNIQUE (scope_id, nth)
);
CREATE INDEX items_case ON items (case_id);

-- The commitments of an object's segments; checked against slot 27 whenever they are used.
CREATE TABLE objects (
    id       BLOB PRIMARY KEY NOT NULL,
    item_id  BLOB NOT NULL UNIQUE REFERENCES items (id),
    scope_id BLOB NOT NULL REFERENCES scopes (id),
    heads    BLOB NOT NULL
);

CREATE TABLE states (
    id    BLOB   PRIMARY KEY NOT NULL REFERENCES items (id),
    rev   BIGINT NOT NULL,
    salt  BLOB   NOT NULL,
    entry BLOB   NOT NULL,
    state TEXT   NOT NULL
);

CREATE TABLE servings (
    id       BLOB   PRIMARY KEY NOT NULL,
    rev      BIGINT NOT NULL,
    salt     BLOB   NOT NULL,
    entry    BLOB   NOT NULL,
    case_id  BLOB   NOT NULL REFERENCES cases (id),
    item_id  BLOB   NOT NULL REFERENCES items (id),
    party_id BLOB   NOT NULL REFERENCES parties (id),
    status   TEXT   NOT NULL,
    UNIQUE (item_id, party_id)
);
CREATE INDEX servings_party ON servings (party_id);

CREATE TABLE policies (
    id       BLOB   PRIMARY KEY NOT NULL,
    rev      BIGINT NOT NULL,
    salt     BLOB   NOT NULL,
    entry    BLOB   NOT NULL,
    set_hash BLOB   NOT NULL UNIQUE,
    status   TEXT   NOT NULL,
    details  BLOB   NOT NULL
);

CREATE TABLE sessions (
    id          BLOB   PRIMARY KEY NOT NULL,
    account_id  BLOB   NOT NULL REFERENCES accounts (id),
    secret_hash BLOB   NOT NULL UNIQUE,
    means       TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL,
    ended_at    BIGINT,
    mac         BLOB   NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_id);

CREATE TABLE enrolments (
    id          BLOB   PRIMARY KEY NOT NULL,
    account_id  BLOB   NOT NULL REFERENCES accounts (id),
    purpose     TEXT   NOT NULL,
    secret_hash BLOB   NOT NULL UNIQUE,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT,
    mac         BLOB   NOT NULL
);

CREATE TABLE uploads (
    id         BLOB   PRIMARY KEY NOT NULL,
    case_id    BLOB   NOT NULL REFERENCES cases (id),
    person_id  BLOB   NOT NULL REFERENCES people (id),
    created_at BIGINT NOT NULL,
    item_id    BLOB,
    details    BLOB   NOT NULL,
    mac        BLOB   NOT NULL
);

CREATE TABLE views (
    id         BLOB   PRIMARY KEY NOT NULL,
    item_id    BLOB   NOT NULL REFERENCES items (id),
    case_id    BLOB   NOT NULL REFERENCES cases (id),
    scope_id   BLOB   NOT NULL REFERENCES scopes (id),
    person_id  BLOB   NOT NULL REFERENCES people (id),
    holder_id  BLOB   NOT NULL,
    download   BOOLEAN NOT NULL,
    opened_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    closed_at  BIGINT,
    mac        BLOB   NOT NULL
);
CREATE INDEX views_item ON views (item_id);

-- What people and endpoints are told, written in the transaction of what it tells of. A notice
-- names ids alone: to whom, of which kind, about what. It is told in the room; where `next_at`
-- is set, it is also to be sent, by mail or to the endpoint of that name in the settings.
CREATE TABLE notices (
    id         BLOB   PRIMARY KEY NOT NULL,
    account_id BLOB   REFERENCES accounts (id),
    endpoint   TEXT,
    kind       TEXT   NOT NULL,
    about_id   BLOB   NOT NULL,
    address_id BLOB   REFERENCES addresses (id),
    created_at BIGINT NOT NULL,
    read_at    BIGINT,
    state      TEXT   NOT NULL,
    attempts   BIGINT NOT NULL,
    next_at    BIGINT,
    told       TEXT,
    mac        BLOB   NOT NULL
);
CREATE INDEX notices_account ON notices (account_id, created_at) WHERE account_id IS NOT NULL;
CREATE INDEX notices_next ON notices (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX notices_stuck ON notices (state, created_at) WHERE state IN ('undelivered', 'gone');
CREATE INDEX notices_created ON notices (created_at);

-- Where somebody wants letters to go. `details` is encrypted under the room's value key, and the
-- row is bound: nothing but a confirmation goes to an address that was not confirmed.
CREATE TABLE addresses (
    id         BLOB   PRIMARY KEY NOT NULL,
    rev        BIGINT NOT NULL,
    salt       BLOB   NOT NULL,
    entry      BLOB   NOT NULL,
    account_id BLOB   NOT NULL REFERENCES accounts (id),
    status     TEXT   NOT NULL,
    details    BLOB   NOT NULL
);
CREATE INDEX addresses_account ON addresses (account_id);

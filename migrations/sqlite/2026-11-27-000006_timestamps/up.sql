-- Tokens of time authorities over published checkpoints, each exactly as it was received; at most one
-- for a size, because a bundle has one place for it. A token proves itself by the authority's
-- signature, and the entry `timestamp` at `leaf` holds its SHA-256: no row is bound to an entry.
-- `time` is the authority's, `kept_at` the room's; `ends` is the end of the signer's certificate.
CREATE TABLE timestamps (
    size      BIGINT PRIMARY KEY NOT NULL,
    authority TEXT   NOT NULL,
    time      BIGINT NOT NULL,
    kept_at   BIGINT NOT NULL,
    ends      BIGINT NOT NULL,
    leaf      BIGINT NOT NULL,
    token     BLOB   NOT NULL
);
CREATE INDEX timestamps_authority ON timestamps (authority, size);

-- Answers to changes that were asked for with a key of their own, so that a retry changes
-- nothing twice. `id` and the key of `answer` follow from the session key and that key, which
-- is not kept.
CREATE TABLE replies (
    id         BLOB   PRIMARY KEY NOT NULL,
    account_id BLOB   NOT NULL REFERENCES accounts (id),
    request    BLOB   NOT NULL,
    created_at BIGINT NOT NULL,
    answer     BLOB   NOT NULL,
    mac        BLOB   NOT NULL
);
CREATE INDEX replies_created ON replies (created_at);

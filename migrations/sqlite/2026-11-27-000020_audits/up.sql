-- What each round of the room's audit of itself came to, bound to its entry `audit`. `id` is the
-- round's, `nth` counts rounds in the order of their entries, whatever the clock does. What it found
-- is encrypted in `details`, and names no case, item or person.
CREATE TABLE audits (
    id       BLOB   PRIMARY KEY NOT NULL,
    rev      BIGINT NOT NULL,
    salt     BLOB   NOT NULL,
    entry    BLOB   NOT NULL,
    nth      BIGINT NOT NULL,
    began_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    findings BIGINT NOT NULL,
    details  BLOB   NOT NULL
);
CREATE INDEX audits_nth ON audits (nth);

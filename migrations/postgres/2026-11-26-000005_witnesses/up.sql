-- What witnesses confirmed of published checkpoints. A line proves itself by the key beside it, so
-- no entry binds these rows: one that is lost can be asked for again, and one that does not verify
-- is not given out. None is ever replaced, so that a note only gains lines.
CREATE TABLE cosignatures (
    size BIGINT NOT NULL,
    vkey TEXT COLLATE "C" NOT NULL,
    line TEXT COLLATE "C" NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY (size, vkey)
);
CREATE INDEX cosignatures_vkey ON cosignatures (vkey, size);

-- Checkpoints that contradict the room's own, as evidence: `theirs` is under the log's own
-- signature; it is null where a witness says that there is one and does not show it. The notes
-- prove themselves; a row that is lost is lost evidence, and so is copied with every backup.
CREATE TABLE conflicts (
    id       BYTEA PRIMARY KEY NOT NULL,
    found_at BIGINT NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL,
    source   TEXT COLLATE "C" NOT NULL,
    size     BIGINT NOT NULL,
    ours     BYTEA NOT NULL,
    theirs   BYTEA,
    proof    TEXT COLLATE "C" NOT NULL
);
CREATE INDEX conflicts_found ON conflicts (found_at);

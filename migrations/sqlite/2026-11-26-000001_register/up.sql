-- What the register says beside cases and items: corrections, transfers of the physical thing,
-- orders, exhibits. A filing about an item names it; `details` is encrypted under the value key
-- of its case's scope, and the row is bound.
CREATE TABLE filings (
    id       BLOB   PRIMARY KEY NOT NULL,
    rev      BIGINT NOT NULL,
    salt     BLOB   NOT NULL,
    entry    BLOB   NOT NULL,
    case_id  BLOB   NOT NULL REFERENCES cases (id),
    item_id  BLOB   REFERENCES items (id),
    kind     TEXT   NOT NULL,
    status   TEXT   NOT NULL,
    filed_at BIGINT NOT NULL,
    details  BLOB   NOT NULL
);
CREATE INDEX filings_item ON filings (item_id) WHERE item_id IS NOT NULL;
CREATE INDEX filings_case ON filings (case_id, kind);

-- Who is kept from a case, whatever role they have. Lowering a wall is another revision.
CREATE TABLE walls (
    id        BLOB   PRIMARY KEY NOT NULL,
    rev       BIGINT NOT NULL,
    salt      BLOB   NOT NULL,
    entry     BLOB   NOT NULL,
    person_id BLOB   NOT NULL REFERENCES people (id),
    case_id   BLOB   NOT NULL REFERENCES cases (id),
    status    TEXT   NOT NULL,
    UNIQUE (person_id, case_id)
);

-- An HMAC of the exhibit reference within its compartment, so that none is given twice.
ALTER TABLE items ADD COLUMN reference_index BLOB;
CREATE UNIQUE INDEX items_reference ON items (reference_index) WHERE reference_index IS NOT NULL;

-- Which of several processes at one register does what one of them is enough for. `epoch` rises
-- with each that takes it over. Nothing is decided by it: it only spares work.
CREATE TABLE leases (
    name   TEXT   PRIMARY KEY NOT NULL,
    holder BLOB   NOT NULL,
    epoch  BIGINT NOT NULL,
    until  BIGINT NOT NULL
);

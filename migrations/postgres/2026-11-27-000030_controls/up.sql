-- Control entries, of which a log has few: every start reads them all, and must not look for them
-- among millions. A leaf of a custody entry has 33 bytes, a made-up one of a log that is for
-- measurements too. A query that also names `scope_id` would take that column's index.
CREATE INDEX entries_controls ON entries (idx) WHERE length(leaf) > 33;

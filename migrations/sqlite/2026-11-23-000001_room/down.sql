-- Custody is never taken back: there is no way down from the first schema.
SELECT RAISE(ABORT, 'the first schema has no way back') FROM log_head;

-- Custody is never taken back: what was filed stays filed.
SELECT RAISE(ABORT, 'the register has no way back') FROM log_head;

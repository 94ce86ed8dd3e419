-- Custody is never taken back: what was filed stays filed.
DO $$ BEGIN RAISE EXCEPTION 'the register has no way back'; END $$;

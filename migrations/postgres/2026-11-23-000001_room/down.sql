-- Custody is never taken back: there is no way down from the first schema.
DO $$ BEGIN RAISE EXCEPTION 'the first schema has no way back'; END $$;

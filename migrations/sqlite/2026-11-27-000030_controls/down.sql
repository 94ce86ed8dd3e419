DROP INDEX entries_controls;

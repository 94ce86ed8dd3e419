DROP TABLE conflicts;
DROP TABLE cosignatures;

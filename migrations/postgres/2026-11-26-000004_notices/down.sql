DROP TABLE notices;
DROP TABLE addresses;

-- source is where a change came from, hash the chain over the rows; the hashes of rows that are there are filled in by
-- the program.
ALTER TABLE changes ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE changes ADD COLUMN hash TEXT NOT NULL DEFAULT '';

CREATE TRIGGER changes_stay BEFORE DELETE ON changes BEGIN
	SELECT RAISE(ABORT, 'the history is only added to');
END;
CREATE TRIGGER changes_keep BEFORE UPDATE ON changes WHEN old.hash <> '' BEGIN
	SELECT RAISE(ABORT, 'the history is only added to');
END;

-- Of a token's secret only the SHA-256 is kept.
CREATE TABLE tokens (
	id      TEXT PRIMARY KEY,
	hash    TEXT NOT NULL UNIQUE,
	user    TEXT NOT NULL,
	grants  TEXT NOT NULL,
	at      INTEGER NOT NULL,
	author  TEXT NOT NULL,
	expires INTEGER NOT NULL,
	revoked INTEGER NOT NULL,
	used    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

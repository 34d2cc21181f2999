-- GUIDs by which an imported schema is known beside its own.
CREATE TABLE other_guids (
	guid TEXT NOT NULL,
	ctx  TEXT NOT NULL,
	id   INTEGER NOT NULL,
	PRIMARY KEY (guid, ctx, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX other_guids_schema ON other_guids (ctx, id);

CREATE TRIGGER schema_gone AFTER DELETE ON schemas BEGIN
	DELETE FROM other_guids WHERE ctx = old.ctx AND id = old.id;
END;

-- The history of other stores, as their dumps brought it: each a chain of its own, named by the hash of its first row.
CREATE TABLE archive (
	chain         TEXT NOT NULL,
	rev           INTEGER NOT NULL,
	at            INTEGER NOT NULL,
	author        TEXT NOT NULL,
	reason        TEXT NOT NULL,
	repo_commit   TEXT NOT NULL,
	op            TEXT NOT NULL,
	ctx           TEXT NOT NULL,
	subject       TEXT NOT NULL,
	number        INTEGER NOT NULL,
	id            INTEGER NOT NULL,
	guid          TEXT NOT NULL,
	before_change TEXT NOT NULL,
	after_change  TEXT NOT NULL,
	source        TEXT NOT NULL,
	hash          TEXT NOT NULL,
	PRIMARY KEY (chain, rev)
) STRICT;
CREATE TRIGGER archive_stay BEFORE DELETE ON archive BEGIN
	SELECT RAISE(ABORT, 'the history is only added to');
END;
CREATE TRIGGER archive_keep BEFORE UPDATE ON archive BEGIN
	SELECT RAISE(ABORT, 'the history is only added to');
END;

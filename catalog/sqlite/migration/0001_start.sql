-- Times are microseconds since 1970. ctx '' is the default context. state: 0 live, 1 deleted, 2 gone.
CREATE TABLE contexts (
	name    TEXT PRIMARY KEY,
	last_id INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE subjects (
	ctx  TEXT NOT NULL,
	name TEXT NOT NULL,
	head INTEGER NOT NULL,
	rev  INTEGER NOT NULL,
	PRIMARY KEY (ctx, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE schemas (
	ctx      TEXT NOT NULL,
	id       INTEGER NOT NULL,
	guid     TEXT NOT NULL,
	text     TEXT NOT NULL,
	refs     TEXT NOT NULL,
	metadata TEXT NOT NULL,
	rules    TEXT NOT NULL,
	broken   TEXT NOT NULL,
	at       INTEGER NOT NULL,
	author   TEXT NOT NULL,
	PRIMARY KEY (ctx, id)
) STRICT;
CREATE INDEX schemas_guid ON schemas (guid, ctx, id);

-- The ID that new registrations of an identity get.
CREATE TABLE guids (
	ctx  TEXT NOT NULL,
	guid TEXT NOT NULL,
	id   INTEGER NOT NULL,
	PRIMARY KEY (ctx, guid)
) STRICT, WITHOUT ROWID;

CREATE TABLE versions (
	ctx     TEXT NOT NULL,
	subject TEXT NOT NULL,
	number  INTEGER NOT NULL,
	id      INTEGER NOT NULL,
	state   INTEGER NOT NULL,
	lens    TEXT NOT NULL,
	mark    TEXT NOT NULL,
	rev     INTEGER NOT NULL,
	at      INTEGER NOT NULL,
	author  TEXT NOT NULL,
	PRIMARY KEY (ctx, subject, number)
) STRICT;
CREATE INDEX versions_id ON versions (ctx, id);

CREATE TABLE refs (
	ctx        TEXT NOT NULL,
	id         INTEGER NOT NULL,
	to_ctx     TEXT NOT NULL,
	to_subject TEXT NOT NULL,
	to_number  INTEGER NOT NULL,
	PRIMARY KEY (to_ctx, to_subject, to_number, ctx, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX refs_from ON refs (ctx, id);

-- subject '' is the context itself. A row stays when its policy is cleared: its revision still matters.
CREATE TABLE policies (
	ctx     TEXT NOT NULL,
	subject TEXT NOT NULL,
	config  TEXT NOT NULL,
	mode    TEXT NOT NULL,
	rev     INTEGER NOT NULL,
	PRIMARY KEY (ctx, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE changes (
	rev           INTEGER PRIMARY KEY,
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
	after_change  TEXT NOT NULL
) STRICT;

CREATE TABLE documents (
	kind   TEXT NOT NULL,
	name   TEXT NOT NULL,
	body   TEXT NOT NULL,
	rev    INTEGER NOT NULL,
	at     INTEGER NOT NULL,
	author TEXT NOT NULL,
	PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- The last report that was applied, by route and process.
CREATE TABLE senders (
	route    TEXT NOT NULL,
	instance TEXT NOT NULL,
	seq      INTEGER NOT NULL,
	at       INTEGER NOT NULL,
	PRIMARY KEY (route, instance)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
	role TEXT NOT NULL, service TEXT NOT NULL, client TEXT NOT NULL, principal TEXT NOT NULL, topic TEXT NOT NULL,
	grp  TEXT NOT NULL, ctx TEXT NOT NULL, subject TEXT NOT NULL, number INTEGER NOT NULL, id INTEGER NOT NULL,
	records INTEGER NOT NULL, bytes INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
	PRIMARY KEY (ctx, subject, role, service, client, principal, topic, grp, number, id)
) STRICT;
CREATE INDEX usage_last ON usage (last);

CREATE TABLE rejections (
	group_id TEXT NOT NULL, client TEXT NOT NULL, principal TEXT NOT NULL, ctx TEXT NOT NULL, subject TEXT NOT NULL,
	number INTEGER NOT NULL, topic TEXT NOT NULL, address TEXT NOT NULL, keyword TEXT NOT NULL, reason TEXT NOT NULL,
	records INTEGER NOT NULL, collateral INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
	PRIMARY KEY (group_id, topic, client, principal)
) STRICT;
CREATE INDEX rejections_last ON rejections (last);

CREATE TABLE samples (
	n        INTEGER PRIMARY KEY,
	group_id TEXT NOT NULL,
	event    TEXT NOT NULL,
	at       INTEGER NOT NULL
) STRICT;
CREATE INDEX samples_group ON samples (group_id, n);

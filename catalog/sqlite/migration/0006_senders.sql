-- What was observed is counted apart for each who reports it: nobody adds to what another said.
CREATE TABLE usage_by (
	role TEXT NOT NULL, service TEXT NOT NULL, client TEXT NOT NULL, principal TEXT NOT NULL, topic TEXT NOT NULL,
	grp  TEXT NOT NULL, ctx TEXT NOT NULL, subject TEXT NOT NULL, number INTEGER NOT NULL, id INTEGER NOT NULL, author TEXT NOT NULL,
	records INTEGER NOT NULL, bytes INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
	PRIMARY KEY (ctx, subject, role, service, client, principal, topic, grp, number, id, author)
) STRICT;
INSERT INTO usage_by (role, service, client, principal, topic, grp, ctx, subject, number, id, author, records, bytes, first, last)
	SELECT role, service, client, principal, topic, grp, ctx, subject, number, id, '', records, bytes, first, last FROM usage;
DROP TABLE usage;
ALTER TABLE usage_by RENAME TO usage;
CREATE INDEX usage_last ON usage (last);

CREATE TABLE rejections_by (
	group_id TEXT NOT NULL, client TEXT NOT NULL, principal TEXT NOT NULL, ctx TEXT NOT NULL, subject TEXT NOT NULL,
	number INTEGER NOT NULL, topic TEXT NOT NULL, address TEXT NOT NULL, keyword TEXT NOT NULL, reason TEXT NOT NULL, author TEXT NOT NULL,
	records INTEGER NOT NULL, collateral INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
	PRIMARY KEY (group_id, topic, client, principal, author)
) STRICT;
INSERT INTO rejections_by (group_id, client, principal, ctx, subject, number, topic, address, keyword, reason, author, records, collateral, first, last)
	SELECT group_id, client, principal, ctx, subject, number, topic, address, keyword, reason, '', records, collateral, first, last FROM rejections;
DROP TABLE rejections;
ALTER TABLE rejections_by RENAME TO rejections;
CREATE INDEX rejections_last ON rejections (last);

CREATE TABLE pins_by (
	ctx TEXT NOT NULL, subject TEXT NOT NULL, grp TEXT NOT NULL, client TEXT NOT NULL, number INTEGER NOT NULL,
	author TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
	PRIMARY KEY (ctx, subject, grp, client, number, author)
) STRICT;
INSERT INTO pins_by (ctx, subject, grp, client, number, author, first, last)
	SELECT ctx, subject, grp, client, number, author, first, last FROM pins;
DROP TABLE pins;
ALTER TABLE pins_by RENAME TO pins;
CREATE INDEX pins_last ON pins (last);

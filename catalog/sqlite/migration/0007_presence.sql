-- How many of the sampled events of a version have a member, and how many records of it were let through.
CREATE TABLE presence (
	ctx TEXT NOT NULL, subject TEXT NOT NULL, number INTEGER NOT NULL, address TEXT NOT NULL, author TEXT NOT NULL,
	seen INTEGER NOT NULL, total INTEGER NOT NULL, last INTEGER NOT NULL,
	PRIMARY KEY (ctx, subject, number, address, author)
) STRICT;
CREATE TABLE accepted (
	ctx TEXT NOT NULL, subject TEXT NOT NULL, number INTEGER NOT NULL, topic TEXT NOT NULL, author TEXT NOT NULL,
	records INTEGER NOT NULL, last INTEGER NOT NULL,
	PRIMARY KEY (ctx, subject, number, topic, author)
) STRICT;
CREATE INDEX accepted_last ON accepted (last);
ALTER TABLE usage ADD COLUMN committed INTEGER NOT NULL DEFAULT 0;

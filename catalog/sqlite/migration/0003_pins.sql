-- Which version each decoder turns events into.
CREATE TABLE pins (
	ctx TEXT NOT NULL, subject TEXT NOT NULL, grp TEXT NOT NULL, client TEXT NOT NULL, number INTEGER NOT NULL,
	author TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
	PRIMARY KEY (ctx, subject, grp, client, number)
) STRICT;
CREATE INDEX pins_last ON pins (last);

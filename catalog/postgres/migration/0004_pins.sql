-- Which version each decoder turns events into.
CREATE TABLE accord.pins (
	ctx text COLLATE "C" NOT NULL, subject text COLLATE "C" NOT NULL, grp text NOT NULL, client text NOT NULL, number integer NOT NULL,
	author text NOT NULL, first bigint NOT NULL, last bigint NOT NULL,
	PRIMARY KEY (ctx, subject, grp, client, number)
);
CREATE INDEX pins_last ON accord.pins (last);

-- How many of the sampled events of a version have a member, and how many records of it were let through.
CREATE TABLE accord.presence (
	ctx text COLLATE "C" NOT NULL, subject text COLLATE "C" NOT NULL, number integer NOT NULL, address text COLLATE "C" NOT NULL, author text NOT NULL,
	seen bigint NOT NULL, total bigint NOT NULL, last bigint NOT NULL,
	PRIMARY KEY (ctx, subject, number, address, author)
);
CREATE TABLE accord.accepted (
	ctx text COLLATE "C" NOT NULL, subject text COLLATE "C" NOT NULL, number integer NOT NULL, topic text COLLATE "C" NOT NULL, author text NOT NULL,
	records bigint NOT NULL, last bigint NOT NULL,
	PRIMARY KEY (ctx, subject, number, topic, author)
);
CREATE INDEX accepted_last ON accord.accepted (last);
ALTER TABLE accord.usage ADD COLUMN committed bigint NOT NULL DEFAULT 0;

-- source is where a change came from, hash the chain over the rows.
ALTER TABLE accord.changes ADD COLUMN source text NOT NULL DEFAULT '';
ALTER TABLE accord.changes ADD COLUMN hash text NOT NULL DEFAULT '';

-- netstrings are the fields of a row as its hash takes them.
CREATE FUNCTION accord.netstrings(VARIADIC fields text[]) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(octet_length(convert_to(f, 'UTF8')) || ':' || f || ',', '' ORDER BY n) FROM unnest(fields) WITH ORDINALITY AS u (f, n);
$$;

-- chained is the hash of a row that follows a row with another hash.
CREATE FUNCTION accord.chained(before text, c accord.changes) RETURNS text LANGUAGE sql AS $$
	SELECT encode(sha256(convert_to(accord.netstrings(before, c.rev::text, c.at::text, c.author, c.source, c.reason, c.repo_commit, c.op,
		c.ctx, c.subject, c.number::text, c.id::text, c.guid, c.before_change, c.after_change), 'UTF8')), 'hex');
$$;

-- change writes one row of the history, under the lock, and returns its revision. who is author, reason, commit, source,
-- and what the row says of a version that is registered; an older program gives the first three.
CREATE OR REPLACE FUNCTION accord.change(who text[], c_op text, c_ctx text, c_subject text, c_number integer, c_id integer, c_guid text, c_before text, c_after text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	c accord.changes;
	before text;
BEGIN
	SELECT hash INTO before FROM accord.changes ORDER BY rev DESC LIMIT 1;
	IF c_op = 'register' AND c_after = '' THEN
		c_after := coalesce(who[5], '');
	END IF;
	c.rev := nextval('accord.revision');
	c.at := accord.now();
	c.author := who[1];
	c.reason := who[2];
	c.repo_commit := who[3];
	c.source := coalesce(who[4], '');
	c.op := c_op;
	c.ctx := c_ctx;
	c.subject := c_subject;
	c.number := c_number;
	c.id := c_id;
	c.guid := c_guid;
	c.before_change := c_before;
	c.after_change := c_after;
	c.hash := accord.chained(coalesce(before, ''), c);
	INSERT INTO accord.changes (rev, at, author, reason, repo_commit, op, ctx, subject, number, id, guid, before_change, after_change, source, hash)
	VALUES (c.rev, c.at, c.author, c.reason, c.repo_commit, c.op, c.ctx, c.subject, c.number, c.id, c.guid, c.before_change, c.after_change, c.source, c.hash);
	RETURN c.rev;
END $$;

-- The rows that are there already.
DO $$
DECLARE
	c accord.changes;
	before text := '';
BEGIN
	FOR c IN SELECT * FROM accord.changes ORDER BY rev LOOP
		before := accord.chained(before, c);
		UPDATE accord.changes SET hash = before WHERE rev = c.rev;
	END LOOP;
END $$;

CREATE FUNCTION accord.stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'the history is only added to';
END $$;
CREATE TRIGGER changes_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON accord.changes FOR EACH STATEMENT EXECUTE FUNCTION accord.stay();

-- note writes a row of the history that changes nothing else.
CREATE FUNCTION accord.note(who text[], c_op text, about text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	r bigint;
BEGIN
	PERFORM accord.lock();
	r := accord.change(who, c_op, '', '', 0, 0, '', '', about);
	PERFORM pg_notify('accord', r::text);
	RETURN r;
END $$;

-- Of a token's secret only the SHA-256 is kept.
CREATE TABLE accord.tokens (
	id       text COLLATE "C" PRIMARY KEY,
	hash     text NOT NULL UNIQUE,
	username text NOT NULL,
	grants   text NOT NULL,
	at       bigint NOT NULL,
	author   text NOT NULL,
	expires  bigint NOT NULL,
	revoked  bigint NOT NULL,
	used     bigint NOT NULL
);

CREATE FUNCTION accord.add_token(who text[], c_id text, c_hash text, c_user text, c_grants text, c_expires bigint, about text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	r bigint;
BEGIN
	PERFORM accord.lock();
	IF EXISTS (SELECT 1 FROM accord.tokens WHERE id = c_id OR hash = c_hash) THEN
		PERFORM accord.refuse('AC001', json_build_object('token', c_id));
	END IF;
	r := accord.change(who, 'token', '', c_id, 0, 0, '', '', about);
	INSERT INTO accord.tokens VALUES (c_id, c_hash, c_user, c_grants, accord.now(), who[1], c_expires, 0, 0);
	PERFORM pg_notify('accord', r::text);
	RETURN r;
END $$;

-- revoke_token returns NULL where there is nothing to revoke.
CREATE FUNCTION accord.revoke_token(who text[], c_id text, about text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	r bigint;
BEGIN
	PERFORM accord.lock();
	UPDATE accord.tokens SET revoked = accord.now() WHERE id = c_id AND revoked = 0;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	r := accord.change(who, 'revoke', '', c_id, 0, 0, '', about, '');
	PERFORM pg_notify('accord', r::text);
	RETURN r;
END $$;

-- Appending is what a registry writes most. JSON is read once, not once for each member; what hashes a row of the
-- history is not planned anew in each transaction; and appends that wait for each other share one commit.

CREATE OR REPLACE FUNCTION accord.netstrings(VARIADIC fields text[]) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	f text;
	s text := '';
BEGIN
	FOREACH f IN ARRAY fields LOOP
		s := s || octet_length(convert_to(f, 'UTF8')) || ':' || f || ',';
	END LOOP;
	RETURN s;
END $$;

CREATE OR REPLACE FUNCTION accord.chained(before text, c accord.changes) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RETURN encode(sha256(convert_to(accord.netstrings(before, c.rev::text, c.at::text, c.author, c.source, c.reason, c.repo_commit, c.op,
		c.ctx, c.subject, c.number::text, c.id::text, c.guid, c.before_change, c.after_change), 'UTF8')), 'hex');
END $$;

-- append_one is append without the bell.
CREATE FUNCTION accord.append_one(who text[], c_ctx text, c_subject text, c_number integer, c_rev bigint, added json)
RETURNS TABLE (o_number integer, o_id integer, o_rev bigint, o_at bigint, o_schema_at bigint, o_schema_author text, o_broken text) LANGUAGE plpgsql AS $$
DECLARE
	v record;
	ref record;
	target accord.versions;
	known accord.schemas;
	highest integer := c_number;
	context_n integer;
BEGIN
	PERFORM accord.compare(c_ctx, c_subject, c_number, c_rev);
	SELECT c.n INTO context_n FROM accord.contexts c WHERE c.name = c_ctx;
	IF context_n IS NULL THEN
		INSERT INTO accord.contexts (name) VALUES (c_ctx) RETURNING n INTO context_n;
		EXECUTE format('CREATE SEQUENCE accord.id_%s MAXVALUE 2147483647', context_n);
	END IF;
	FOR v IN SELECT * FROM json_to_recordset(added) AS x (number integer, id integer, guid text, text text, refs text, metadata text, rules text,
		broken text, state smallint, lens text, mark text, imported boolean, targets json) LOOP
		IF v.targets IS NOT NULL THEN
			FOR ref IN SELECT * FROM json_to_recordset(v.targets) AS x (ctx text, subject text, number integer, name text) LOOP
				SELECT * INTO target FROM accord.versions t WHERE t.ctx = ref.ctx AND t.subject = ref.subject AND t.number = ref.number;
				IF NOT FOUND OR target.state = 2 OR target.state = 1 AND NOT v.imported THEN
					PERFORM accord.refuse('AC007', row_to_json(ref));
				END IF;
				IF target.rev > c_rev THEN
					PERFORM accord.refuse('AC001', row_to_json(ref));
				END IF;
			END LOOP;
		END IF;
		o_number := v.number;
		IF o_number = 0 THEN
			o_number := highest + 1;
		END IF;
		highest := greatest(highest, o_number);
		IF EXISTS (SELECT 1 FROM accord.versions t WHERE t.ctx = c_ctx AND t.subject = c_subject AND t.number = o_number) THEN
			PERFORM accord.refuse('AC004', json_build_object('number', o_number));
		END IF;
		-- The schema is found, or added under the next ID, or under the one that an import brings.
		o_id := v.id;
		IF o_id = 0 THEN
			SELECT g.id INTO o_id FROM accord.guids g WHERE g.ctx = c_ctx AND g.guid = v.guid;
		END IF;
		o_at := accord.now();
		known := NULL;
		IF o_id IS NOT NULL THEN
			SELECT * INTO known FROM accord.schemas s WHERE s.ctx = c_ctx AND s.id = o_id;
		END IF;
		IF known.id IS NOT NULL THEN
			IF known.guid <> v.guid THEN
				PERFORM accord.refuse('AC005', json_build_object('id', o_id));
			END IF;
			IF (known.text, known.refs, known.metadata, known.rules) IS DISTINCT FROM (v.text, v.refs, v.metadata, v.rules) THEN
				PERFORM accord.refuse('AC006', json_build_object('guid', known.guid));
			END IF;
			o_schema_at := known.at;
			o_schema_author := known.author;
			o_broken := known.broken;
		ELSE
			IF o_id IS NULL THEN
				o_id := nextval(('accord.id_' || context_n)::regclass);
			ELSE
				PERFORM accord.raise_id(c_ctx, o_id);
			END IF;
			o_schema_at := o_at;
			o_schema_author := who[1];
			o_broken := v.broken;
			INSERT INTO accord.schemas VALUES (c_ctx, o_id, v.guid, v.text, v.refs, v.metadata, v.rules, v.broken, o_at, who[1]);
			INSERT INTO accord.guids VALUES (c_ctx, v.guid, o_id) ON CONFLICT (ctx, guid) DO UPDATE SET id = least(guids.id, excluded.id);
			IF v.targets IS NOT NULL THEN
				INSERT INTO accord.refs SELECT c_ctx, o_id, x.ctx, x.subject, x.number FROM json_to_recordset(v.targets) AS x (ctx text, subject text, number integer)
				ON CONFLICT DO NOTHING;
			END IF;
		END IF;
		o_rev := accord.change(who, 'register', c_ctx, c_subject, o_number, o_id, v.guid, '', '');
		IF known.id IS NOT NULL THEN -- What stood deleted with the same ID has come back under a new number.
			UPDATE accord.versions d SET state = 2, rev = o_rev
			WHERE d.ctx = c_ctx AND d.subject = c_subject AND d.id = o_id AND d.state = 1 AND NOT EXISTS (
				SELECT 1 FROM accord.refs r JOIN accord.versions u ON u.ctx = r.ctx AND u.id = r.id AND u.state < 2
				WHERE r.to_ctx = d.ctx AND r.to_subject = d.subject AND r.to_number = d.number);
		END IF;
		INSERT INTO accord.versions VALUES (c_ctx, c_subject, o_number, o_id, v.state, v.lens, v.mark, o_rev, o_at, who[1]);
		RETURN NEXT;
	END LOOP;
	INSERT INTO accord.subjects VALUES (c_ctx, c_subject, highest, o_rev) ON CONFLICT (ctx, name) DO UPDATE SET head = excluded.head, rev = excluded.rev;
END $$;

CREATE OR REPLACE FUNCTION accord.append(who text[], c_ctx text, c_subject text, c_number integer, c_rev bigint, added json)
RETURNS TABLE (o_number integer, o_id integer, o_rev bigint, o_at bigint, o_schema_at bigint, o_schema_author text, o_broken text) LANGUAGE plpgsql AS $$
BEGIN
	FOR o_number, o_id, o_rev, o_at, o_schema_at, o_schema_author, o_broken IN SELECT * FROM accord.append_one(who, c_ctx, c_subject, c_number, c_rev, added) LOOP
		RETURN NEXT;
	END LOOP;
	PERFORM pg_notify('accord', o_rev::text);
END $$;

-- append_each does several appends, each {who, ctx, subject, number, rev, added}, in one transaction. One that is refused
-- changes nothing, and the others stand: its row has the SQLSTATE and its detail.
CREATE FUNCTION accord.append_each(calls json)
RETURNS TABLE (o_call integer, o_number integer, o_id integer, o_rev bigint, o_at bigint, o_schema_at bigint, o_schema_author text, o_broken text,
	o_state text, o_detail text) LANGUAGE plpgsql AS $$
DECLARE
	c record;
	done json;
	newest bigint := 0;
BEGIN
	PERFORM accord.lock();
	o_call := -1;
	FOR c IN SELECT * FROM json_to_recordset(calls) AS x (who text[], ctx text, subject text, number integer, rev bigint, added json) LOOP
		o_call := o_call + 1;
		o_number := 0;
		o_id := 0;
		o_rev := 0;
		o_at := 0;
		o_schema_at := 0;
		o_schema_author := '';
		o_broken := '';
		o_state := '';
		o_detail := '';
		BEGIN
			SELECT coalesce(json_agg(a), '[]') INTO done FROM accord.append_one(c.who, c.ctx, c.subject, c.number, c.rev, c.added) a;
		EXCEPTION WHEN SQLSTATE 'AC001' OR SQLSTATE 'AC004' OR SQLSTATE 'AC005' OR SQLSTATE 'AC006' OR SQLSTATE 'AC007' THEN
			GET STACKED DIAGNOSTICS o_state = RETURNED_SQLSTATE, o_detail = PG_EXCEPTION_DETAIL;
			RETURN NEXT;
			CONTINUE;
		END;
		FOR o_number, o_id, o_rev, o_at, o_schema_at, o_schema_author, o_broken IN
			SELECT * FROM json_to_recordset(done) AS x (o_number integer, o_id integer, o_rev bigint, o_at bigint, o_schema_at bigint, o_schema_author text, o_broken text) LOOP
			newest := o_rev;
			RETURN NEXT;
		END LOOP;
	END LOOP;
	IF newest > 0 THEN
		PERFORM pg_notify('accord', newest::text);
	END IF;
END $$;

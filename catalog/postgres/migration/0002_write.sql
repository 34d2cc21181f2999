-- Every write is one call of one of these functions. Each takes the write lock first, so that revisions are given in
-- the order of commits, and refuses with an SQLSTATE of its own:
--   AC001 conflict   AC002 referenced   AC003 not found   AC004 number taken   AC005 ID taken
--   AC006 GUID collision   AC007 reference not found   AC008 not empty
-- What it is about stands in DETAIL as JSON.

CREATE FUNCTION accord.refuse(state text, about json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = state, MESSAGE = 'refused', DETAIL = about::text;
END $$;

CREATE FUNCTION accord.lock() RETURNS void LANGUAGE sql AS $$
	SELECT pg_advisory_xact_lock(7021786411920093);
$$;

CREATE FUNCTION accord.now() RETURNS bigint LANGUAGE sql AS $$
	SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
$$;

-- change writes one row of the history, under the lock, and returns its revision. who is author, reason, commit.
CREATE FUNCTION accord.change(who text[], c_op text, c_ctx text, c_subject text, c_number integer, c_id integer, c_guid text, c_before text, c_after text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	r bigint := nextval('accord.revision');
BEGIN
	INSERT INTO accord.changes VALUES (r, accord.now(), who[1], who[2], who[3], c_op, c_ctx, c_subject, c_number, c_id, c_guid, c_before, c_after);
	RETURN r;
END $$;

-- compare is the comparison of compare-and-swap; it takes the lock.
CREATE FUNCTION accord.compare(c_ctx text, c_subject text, c_number integer, c_rev bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	s accord.subjects;
BEGIN
	PERFORM accord.lock();
	SELECT * INTO s FROM accord.subjects WHERE ctx = c_ctx AND name = c_subject;
	IF coalesce(s.head, 0) <> c_number OR coalesce(s.rev, 0) > c_rev THEN
		PERFORM accord.refuse('AC001', json_build_object('subject', c_subject));
	END IF;
	IF EXISTS (SELECT 1 FROM accord.policies WHERE rev > c_rev AND (ctx = c_ctx AND subject IN (c_subject, '') OR ctx = '.__GLOBAL' AND subject = '')) THEN
		PERFORM accord.refuse('AC001', json_build_object('policy', c_subject));
	END IF;
END $$;

-- new_id gives an ID of a context that was never given before.
CREATE FUNCTION accord.new_id(c_ctx text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	RETURN nextval(format('accord.id_%s', (SELECT n FROM accord.contexts WHERE name = c_ctx))::regclass);
END $$;

-- raise_id makes sure that no ID up to this one will be given.
CREATE FUNCTION accord.raise_id(c_ctx text, c_id integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	s regclass := format('accord.id_%s', (SELECT n FROM accord.contexts WHERE name = c_ctx))::regclass;
BEGIN
	IF c_id > coalesce(pg_sequence_last_value(s), 0) THEN
		PERFORM setval(s, c_id);
	END IF;
END $$;

-- add_schema finds or adds the schema of a version and returns its ID.
CREATE FUNCTION accord.add_schema(who text[], c_ctx text, v json) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	new_id integer := (v->>'id')::integer;
	known accord.schemas;
	ref json;
BEGIN
	IF new_id = 0 THEN
		SELECT id INTO new_id FROM accord.guids WHERE ctx = c_ctx AND guid = v->>'guid';
		new_id := coalesce(new_id, 0);
	END IF;
	IF new_id = 0 THEN
		new_id := accord.new_id(c_ctx);
	ELSE
		SELECT * INTO known FROM accord.schemas WHERE ctx = c_ctx AND id = new_id;
		IF FOUND THEN
			IF known.guid <> v->>'guid' THEN
				PERFORM accord.refuse('AC005', json_build_object('id', new_id));
			END IF;
			IF (known.text, known.refs, known.metadata, known.rules) IS DISTINCT FROM (v->>'text', v->>'refs', v->>'metadata', v->>'rules') THEN
				PERFORM accord.refuse('AC006', json_build_object('guid', known.guid));
			END IF;
			RETURN new_id;
		END IF;
		PERFORM accord.raise_id(c_ctx, new_id);
	END IF;
	INSERT INTO accord.schemas VALUES (c_ctx, new_id, v->>'guid', v->>'text', v->>'refs', v->>'metadata', v->>'rules', v->>'broken', accord.now(), who[1]);
	INSERT INTO accord.guids VALUES (c_ctx, v->>'guid', new_id) ON CONFLICT (ctx, guid) DO UPDATE SET id = least(guids.id, excluded.id);
	FOR ref IN SELECT * FROM json_array_elements(v->'targets') LOOP
		INSERT INTO accord.refs VALUES (c_ctx, new_id, ref->>'ctx', ref->>'subject', (ref->>'number')::integer) ON CONFLICT DO NOTHING;
	END LOOP;
	RETURN new_id;
END $$;

-- append adds versions, each {number, id, guid, text, refs, metadata, rules, broken, state, lens, mark, imported,
-- targets: [{ctx, subject, number, name}]}, and returns what became of them.
CREATE FUNCTION accord.append(who text[], c_ctx text, c_subject text, c_number integer, c_rev bigint, added json)
RETURNS TABLE (o_number integer, o_id integer, o_rev bigint, o_at bigint, o_schema_at bigint, o_schema_author text, o_broken text) LANGUAGE plpgsql AS $$
DECLARE
	v json;
	ref json;
	target accord.versions;
	highest integer := c_number;
	context_n integer;
BEGIN
	PERFORM accord.compare(c_ctx, c_subject, c_number, c_rev);
	IF NOT EXISTS (SELECT 1 FROM accord.contexts WHERE name = c_ctx) THEN
		INSERT INTO accord.contexts (name) VALUES (c_ctx) RETURNING n INTO context_n;
		EXECUTE format('CREATE SEQUENCE accord.id_%s MAXVALUE 2147483647', context_n);
	END IF;
	FOR v IN SELECT * FROM json_array_elements(added) LOOP
		FOR ref IN SELECT * FROM json_array_elements(v->'targets') LOOP
			SELECT * INTO target FROM accord.versions WHERE ctx = ref->>'ctx' AND subject = ref->>'subject' AND number = (ref->>'number')::integer;
			IF NOT FOUND OR target.state = 2 OR target.state = 1 AND NOT (v->>'imported')::boolean THEN
				PERFORM accord.refuse('AC007', ref);
			END IF;
			IF target.rev > c_rev THEN
				PERFORM accord.refuse('AC001', ref);
			END IF;
		END LOOP;
		o_number := (v->>'number')::integer;
		IF o_number = 0 THEN
			o_number := highest + 1;
		END IF;
		highest := greatest(highest, o_number);
		IF EXISTS (SELECT 1 FROM accord.versions WHERE ctx = c_ctx AND subject = c_subject AND number = o_number) THEN
			PERFORM accord.refuse('AC004', json_build_object('number', o_number));
		END IF;
		o_id := accord.add_schema(who, c_ctx, v);
		o_at := accord.now();
		SELECT s.at, s.author, s.broken INTO o_schema_at, o_schema_author, o_broken FROM accord.schemas s WHERE s.ctx = c_ctx AND s.id = o_id;
		o_rev := accord.change(who, 'register', c_ctx, c_subject, o_number, o_id, v->>'guid', '', '');
		-- What stood deleted with the same ID has come back under a new number.
		UPDATE accord.versions d SET state = 2, rev = o_rev
		WHERE d.ctx = c_ctx AND d.subject = c_subject AND d.id = o_id AND d.state = 1 AND NOT EXISTS (
			SELECT 1 FROM accord.refs r JOIN accord.versions u ON u.ctx = r.ctx AND u.id = r.id AND u.state < 2
			WHERE r.to_ctx = d.ctx AND r.to_subject = d.subject AND r.to_number = d.number);
		INSERT INTO accord.versions VALUES (c_ctx, c_subject, o_number, o_id, (v->>'state')::smallint, v->>'lens', v->>'mark', o_rev, o_at, who[1]);
		RETURN NEXT;
	END LOOP;
	INSERT INTO accord.subjects VALUES (c_ctx, c_subject, highest, o_rev) ON CONFLICT (ctx, name) DO UPDATE SET head = excluded.head, rev = excluded.rev;
	PERFORM pg_notify('accord', o_rev::text);
END $$;

-- sweep removes what a purge left without purpose.
CREATE FUNCTION accord.sweep(c_ctx text, c_subject text, ids integer[], r bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	orphan record;
BEGIN
	IF NOT EXISTS (SELECT 1 FROM accord.versions WHERE ctx = c_ctx AND subject = c_subject AND state < 2) THEN
		WITH gone AS (DELETE FROM accord.versions WHERE ctx = c_ctx AND subject = c_subject RETURNING id)
		SELECT ids || coalesce(array_agg(id), '{}') INTO ids FROM gone;
		UPDATE accord.subjects SET head = 0 WHERE ctx = c_ctx AND name = c_subject;
		UPDATE accord.policies SET config = '{}', mode = '', rev = r WHERE ctx = c_ctx AND subject = c_subject;
	END IF;
	FOR orphan IN
		DELETE FROM accord.schemas s WHERE s.ctx = c_ctx AND s.id = ANY (ids)
			AND NOT EXISTS (SELECT 1 FROM accord.versions v WHERE v.ctx = s.ctx AND v.id = s.id)
		RETURNING s.id, s.guid
	LOOP
		DELETE FROM accord.refs WHERE ctx = c_ctx AND id = orphan.id;
		DELETE FROM accord.guids WHERE ctx = c_ctx AND id = orphan.id;
		-- Another ID of the same identity, from an import, takes the place of the one that went.
		INSERT INTO accord.guids SELECT s.ctx, s.guid, min(s.id) FROM accord.schemas s WHERE s.ctx = c_ctx AND s.guid = orphan.guid GROUP BY s.ctx, s.guid
		ON CONFLICT DO NOTHING;
	END LOOP;
END $$;

-- remove deletes softly (act delete), for good (purge), or brings back (undelete), and returns the last revision.
CREATE FUNCTION accord.remove(who text[], c_ctx text, c_subject text, c_number integer, c_rev bigint, numbers integer[], act text, whole boolean)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	num integer;
	v accord.versions;
	ref record;
	v_guid text;
	ids integer[] := '{}';
	r bigint;
	must_be smallint := CASE act WHEN 'delete' THEN 0 ELSE 1 END;
BEGIN
	PERFORM accord.compare(c_ctx, c_subject, c_number, c_rev);
	FOREACH num IN ARRAY numbers LOOP
		SELECT * INTO v FROM accord.versions WHERE ctx = c_ctx AND subject = c_subject AND number = num;
		IF NOT FOUND OR v.state <> must_be THEN
			PERFORM accord.refuse('AC001', json_build_object('number', num));
		END IF;
		SELECT guid INTO v_guid FROM accord.schemas WHERE ctx = c_ctx AND id = v.id;
		IF act <> 'undelete' AND EXISTS (
			SELECT 1 FROM accord.refs f JOIN accord.versions u ON u.ctx = f.ctx AND u.id = f.id AND u.state <= must_be
			WHERE f.to_ctx = c_ctx AND f.to_subject = c_subject AND f.to_number = num
				AND NOT (whole AND u.ctx = c_ctx AND u.subject = c_subject)) THEN
			PERFORM accord.refuse('AC002', json_build_object('number', num));
		END IF;
		IF act = 'undelete' THEN
			SELECT f.* INTO ref FROM accord.refs f WHERE f.ctx = c_ctx AND f.id = v.id AND NOT EXISTS (
				SELECT 1 FROM accord.versions t WHERE t.ctx = f.to_ctx AND t.subject = f.to_subject AND t.number = f.to_number AND t.state = 0) LIMIT 1;
			IF FOUND THEN
				PERFORM accord.refuse('AC007', json_build_object('ctx', ref.to_ctx, 'subject', ref.to_subject, 'number', ref.to_number));
			END IF;
		END IF;
		r := accord.change(who, act, c_ctx, c_subject, num, v.id, v_guid, '', '');
		IF act = 'purge' THEN
			DELETE FROM accord.versions WHERE ctx = c_ctx AND subject = c_subject AND number = num;
			ids := ids || v.id;
		ELSE
			UPDATE accord.versions SET state = 1 - must_be, rev = r WHERE ctx = c_ctx AND subject = c_subject AND number = num;
		END IF;
	END LOOP;
	IF act = 'purge' THEN
		PERFORM accord.sweep(c_ctx, c_subject, ids, r);
	END IF;
	UPDATE accord.subjects SET rev = r WHERE ctx = c_ctx AND name = c_subject;
	PERFORM pg_notify('accord', r::text);
	RETURN r;
END $$;

-- set_policy merges set into the configuration and drops what clear names. expect is NULL or the revision it must have.
CREATE FUNCTION accord.set_policy(who text[], c_ctx text, c_subject text, set_config jsonb, clear text[], set_mode text, expect bigint, must_be_empty boolean)
RETURNS TABLE (o_config text, o_mode text, o_rev bigint) LANGUAGE plpgsql AS $$
DECLARE
	old accord.policies;
BEGIN
	PERFORM accord.lock();
	SELECT * INTO old FROM accord.policies WHERE ctx = c_ctx AND subject = c_subject;
	IF coalesce(old.rev, 0) <> expect THEN
		PERFORM accord.refuse('AC001', json_build_object('policy', c_subject));
	END IF;
	IF must_be_empty AND EXISTS (SELECT 1 FROM accord.versions WHERE state = 0 AND (ctx = c_ctx OR c_ctx = '.__GLOBAL') AND (subject = c_subject OR c_subject = '')) THEN
		PERFORM accord.refuse('AC008', json_build_object('subject', c_subject));
	END IF;
	o_config := (coalesce(old.config, '{}') - clear) || set_config;
	o_mode := coalesce(set_mode, old.mode, '');
	o_rev := accord.change(who, CASE WHEN set_mode IS NULL THEN 'config' ELSE 'mode' END, c_ctx, c_subject, 0, 0, '',
		json_build_object('Config', coalesce(old.config, '{}'), 'Mode', coalesce(old.mode, ''), 'Rev', coalesce(old.rev, 0))::text,
		json_build_object('Config', o_config::json, 'Mode', o_mode)::text);
	INSERT INTO accord.policies VALUES (c_ctx, c_subject, o_config::jsonb, o_mode, o_rev)
	ON CONFLICT (ctx, subject) DO UPDATE SET config = excluded.config, mode = excluded.mode, rev = excluded.rev;
	PERFORM pg_notify('accord', o_rev::text);
	RETURN NEXT;
END $$;

CREATE FUNCTION accord.set_lens(who text[], c_ctx text, c_subject text, c_number integer, lens_rev integer, new_lens text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	v accord.versions;
	r bigint;
BEGIN
	PERFORM accord.lock();
	SELECT * INTO v FROM accord.versions WHERE ctx = c_ctx AND subject = c_subject AND number = c_number AND state < 2;
	IF NOT FOUND THEN
		PERFORM accord.refuse('AC003', json_build_object('number', c_number));
	END IF;
	IF lens_rev <> (CASE v.lens WHEN '' THEN 0 ELSE (v.lens::json->>'rev')::integer END) THEN
		PERFORM accord.refuse('AC001', json_build_object('lens', c_number));
	END IF;
	r := accord.change(who, 'lens', c_ctx, c_subject, c_number, v.id, '', v.lens, new_lens);
	UPDATE accord.versions SET lens = new_lens, rev = r WHERE ctx = c_ctx AND subject = c_subject AND number = c_number;
	UPDATE accord.subjects SET rev = r WHERE ctx = c_ctx AND name = c_subject;
	PERFORM pg_notify('accord', r::text);
	RETURN r;
END $$;

-- put_document writes a document, or with new_body NULL removes it. expect is NULL or the revision it must have.
CREATE FUNCTION accord.put_document(who text[], c_kind text, c_name text, new_body text, expect bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	old accord.documents;
	r bigint;
BEGIN
	PERFORM accord.lock();
	SELECT * INTO old FROM accord.documents WHERE kind = c_kind AND name = c_name;
	IF new_body IS NULL AND NOT FOUND THEN
		PERFORM accord.refuse('AC003', json_build_object('kind', c_kind, 'name', c_name));
	END IF;
	IF coalesce(old.rev, 0) <> expect THEN
		PERFORM accord.refuse('AC001', json_build_object('kind', c_kind, 'name', c_name));
	END IF;
	r := accord.change(who, CASE WHEN new_body IS NULL THEN 'undocument' ELSE 'document' END, '', c_kind || '/' || c_name, 0, 0, '', coalesce(old.body, ''), coalesce(new_body, ''));
	IF new_body IS NULL THEN
		DELETE FROM accord.documents WHERE kind = c_kind AND name = c_name;
	ELSE
		INSERT INTO accord.documents VALUES (c_kind, c_name, new_body, r, accord.now(), who[1])
		ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body, rev = excluded.rev, at = excluded.at, author = excluded.author;
	END IF;
	PERFORM pg_notify('accord', r::text);
	RETURN r;
END $$;

-- fresh says whether a report is new, and remembers it.
CREATE FUNCTION accord.fresh(c_route text, c_instance text, c_seq bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO accord.senders AS s VALUES (c_route, c_instance, c_seq, accord.now())
	ON CONFLICT (route, instance) DO UPDATE SET seq = excluded.seq, at = excluded.at WHERE s.seq < excluded.seq;
	RETURN FOUND;
END $$;

-- Each part of a batch is read once. To look a member of JSON up reads all of it: so a version took twenty times its
-- bytes, and a batch the number of its versions times its own.

DROP FUNCTION accord.import_schema(text[], text, text, json, json);

-- import_subject adds what is not there of a subject, and returns how many versions that were; no revision is given
-- where nothing changes. b is {rev, open, try}.
CREATE OR REPLACE FUNCTION accord.import_subject(who text[], s json, b json, INOUT o_created integer, INOUT o_same integer, INOUT o_rev bigint) LANGUAGE plpgsql AS $$
DECLARE
	c_ctx text := s->>'ctx';
	c_subject text := s->>'subject';
	c_head integer := (s->>'head')::integer;
	is_open boolean := (b->>'open')::boolean;
	there accord.subjects;
	old accord.versions;
	known accord.schemas;
	v record;
	g text;
	r bigint := 0;
	highest integer := 0;
BEGIN
	SELECT * INTO there FROM accord.subjects WHERE ctx = c_ctx AND name = c_subject;
	PERFORM accord.compare(c_ctx, c_subject, coalesce(there.head, 0), (b->>'rev')::bigint);
	FOR v IN SELECT * FROM json_to_recordset(s->'versions') AS x(number integer, id integer, guid text, text text, refs text, metadata text, rules text,
		broken text, state smallint, lens text, mark text, at bigint, author text, schema_at bigint, schema_author text, targets json, guids json) LOOP
		SELECT * INTO old FROM accord.versions WHERE ctx = c_ctx AND subject = c_subject AND number = v.number;
		IF old.number IS NOT NULL AND old.id <> v.id THEN
			PERFORM accord.refuse('AC009', json_build_object('ctx', c_ctx, 'subject', c_subject, 'number', v.number, 'id', old.id));
		END IF;
		-- The schema is found as it is, or added, with the GUIDs that it is also known by.
		SELECT * INTO known FROM accord.schemas WHERE ctx = c_ctx AND id = v.id;
		IF known.guid <> v.guid THEN
			PERFORM accord.refuse('AC005', json_build_object('ctx', c_ctx, 'subject', c_subject, 'id', v.id));
		END IF;
		FOR g IN SELECT v.guid UNION SELECT json_array_elements_text(v.guids) LOOP
			IF EXISTS (SELECT 1 FROM accord.schemas s2
				WHERE s2.guid = g AND (s2.text, s2.refs, s2.metadata, s2.rules) IS DISTINCT FROM (v.text, v.refs, v.metadata, v.rules))
				OR EXISTS (SELECT 1 FROM accord.other_guids o JOIN accord.schemas s2 ON s2.ctx = o.ctx AND s2.id = o.id
				WHERE o.guid = g AND (s2.text, s2.refs, s2.metadata, s2.rules) IS DISTINCT FROM (v.text, v.refs, v.metadata, v.rules)) THEN
				PERFORM accord.refuse('AC006', json_build_object('ctx', c_ctx, 'subject', c_subject, 'number', v.number, 'guid', g));
			END IF;
		END LOOP;
		IF known.id IS NULL THEN
			IF NOT is_open THEN
				PERFORM accord.refuse('AC010', json_build_object('ctx', c_ctx, 'subject', c_subject));
			END IF;
			IF highest = 0 THEN
				PERFORM accord.import_context(c_ctx, 0, false);
			END IF;
			highest := greatest(highest, v.id);
			INSERT INTO accord.schemas VALUES (c_ctx, v.id, v.guid, v.text, v.refs, v.metadata, v.rules, v.broken,
				CASE v.schema_at WHEN 0 THEN accord.now() ELSE v.schema_at END, CASE v.schema_at WHEN 0 THEN who[1] ELSE v.schema_author END);
			INSERT INTO accord.guids VALUES (c_ctx, v.guid, v.id) ON CONFLICT (ctx, guid) DO UPDATE SET id = least(guids.id, excluded.id);
			INSERT INTO accord.refs SELECT c_ctx, v.id, t.ctx, t.subject, t.number FROM json_to_recordset(v.targets) AS t(ctx text, subject text, number integer) ON CONFLICT DO NOTHING;
		END IF;
		INSERT INTO accord.other_guids SELECT g2, c_ctx, v.id FROM json_array_elements_text(v.guids) g2 ON CONFLICT DO NOTHING;
		IF old.number IS NOT NULL THEN
			IF old.state <> v.state THEN
				PERFORM accord.refuse('AC004', json_build_object('ctx', c_ctx, 'subject', c_subject, 'number', v.number, 'name', 'its state is another'));
			END IF;
			IF old.lens <> v.lens THEN
				PERFORM accord.refuse('AC004', json_build_object('ctx', c_ctx, 'subject', c_subject, 'number', v.number, 'name', 'its lens is another'));
			END IF;
			o_same := o_same + 1;
			CONTINUE;
		END IF;
		IF NOT is_open THEN
			PERFORM accord.refuse('AC010', json_build_object('ctx', c_ctx, 'subject', c_subject));
		END IF;
		r := accord.change(who, 'register', c_ctx, c_subject, v.number, v.id, v.guid, '', v.mark);
		IF v.state <> 0 THEN
			r := accord.change(who, 'delete', c_ctx, c_subject, v.number, v.id, v.guid, '', '');
		END IF;
		INSERT INTO accord.versions VALUES (c_ctx, c_subject, v.number, v.id, v.state, v.lens, v.mark, r,
			CASE v.at WHEN 0 THEN accord.now() ELSE v.at END, CASE v.at WHEN 0 THEN who[1] ELSE v.author END);
		o_created := o_created + 1;
	END LOOP;
	IF highest > 0 THEN
		PERFORM accord.import_context(c_ctx, highest, (b->>'try')::boolean);
	END IF;
	IF r > 0 OR coalesce(there.head, 0) < c_head THEN
		INSERT INTO accord.subjects VALUES (c_ctx, c_subject, c_head, greatest(r, coalesce(there.rev, 0)))
		ON CONFLICT (ctx, name) DO UPDATE SET head = greatest(subjects.head, excluded.head), rev = excluded.rev;
	END IF;
	o_rev := greatest(o_rev, r);
END $$;

-- import writes one batch: {rev, open, try, contexts: [{ctx, id}], subjects: [{ctx, subject, head, versions: […]}],
-- documents: [{kind, name, body, at, author}], history: [{chain, rev, …}], assumed: [{ctx, subject, number}]}.
CREATE OR REPLACE FUNCTION accord.import(who text[], b json) RETURNS TABLE (o_created integer, o_same integer, o_rev bigint) LANGUAGE plpgsql AS $$
DECLARE
	c json;
	s json;
	v record;
	ref json;
	last bigint;
	o json := json_build_object('rev', b->'rev', 'open', b->'open', 'try', b->'try');
	assumed json := b->'assumed';
BEGIN
	PERFORM accord.lock();
	o_created := 0;
	o_same := 0;
	o_rev := 0;
	FOR c IN SELECT * FROM json_array_elements(b->'contexts') LOOP
		SELECT coalesce(pg_sequence_last_value(('accord.id_' || n)::regclass), 0) INTO last FROM accord.contexts WHERE name = c->>'ctx';
		IF coalesce(last, 0) < (c->>'id')::bigint THEN
			IF NOT (o->>'open')::boolean THEN
				PERFORM accord.refuse('AC010', json_build_object('ctx', c->>'ctx'));
			END IF;
			PERFORM accord.import_context(c->>'ctx', (c->>'id')::integer, (o->>'try')::boolean);
		END IF;
	END LOOP;
	FOR s IN SELECT * FROM json_array_elements(b->'subjects') LOOP
		SELECT * INTO o_created, o_same, o_rev FROM accord.import_subject(who, s, o, o_created, o_same, o_rev);
	END LOOP;
	-- References are looked at last: subjects of one batch may refer to each other.
	FOR s IN SELECT * FROM json_array_elements(b->'subjects') LOOP
		FOR v IN SELECT * FROM json_to_recordset(s->'versions') AS x(number integer, id integer, broken text, targets json) WHERE broken = '' LOOP
			FOR ref IN SELECT * FROM json_array_elements(v.targets) LOOP
				IF NOT EXISTS (SELECT 1 FROM accord.versions WHERE ctx = ref->>'ctx' AND subject = ref->>'subject' AND number = (ref->>'number')::integer)
					AND NOT EXISTS (SELECT 1 FROM json_array_elements(assumed) a WHERE a->>'ctx' = ref->>'ctx' AND a->>'subject' = ref->>'subject' AND a->>'number' = ref->>'number') THEN
					PERFORM accord.refuse('AC007', json_build_object('ctx', s->>'ctx', 'subject', s->>'subject', 'number', v.number, 'id', v.id,
						'name', format('%s version %s', ref->>'subject', ref->>'number')));
				END IF;
			END LOOP;
		END LOOP;
	END LOOP;
	FOR s IN SELECT * FROM json_array_elements(b->'documents') LOOP
		SELECT * INTO o_created, o_same, o_rev FROM accord.import_document(who, s, o, o_created, o_same, o_rev);
	END LOOP;
	FOR s IN SELECT * FROM json_array_elements(b->'history') LOOP
		SELECT * INTO o_created, o_same FROM accord.import_history(s, o, o_created, o_same);
	END LOOP;
	IF (o->>'try')::boolean THEN
		PERFORM accord.refuse('AC012', json_build_object('created', o_created, 'same', o_same));
	END IF;
	IF o_rev > 0 THEN
		PERFORM pg_notify('accord', o_rev::text);
	END IF;
	RETURN NEXT;
END $$;

-- GUIDs by which an imported schema is known beside its own.
CREATE TABLE accord.other_guids (
	guid text COLLATE "C" NOT NULL,
	ctx  text COLLATE "C" NOT NULL,
	id   integer NOT NULL,
	PRIMARY KEY (guid, ctx, id),
	FOREIGN KEY (ctx, id) REFERENCES accord.schemas (ctx, id) ON DELETE CASCADE
);
CREATE INDEX other_guids_schema ON accord.other_guids (ctx, id);

-- The history of other stores, as their dumps brought it: each a chain of its own, named by the hash of its first row.
CREATE TABLE accord.archive (
	chain         text COLLATE "C" NOT NULL,
	rev           bigint NOT NULL,
	at            bigint NOT NULL,
	author        text NOT NULL,
	reason        text NOT NULL,
	repo_commit   text NOT NULL,
	op            text NOT NULL,
	ctx           text COLLATE "C" NOT NULL,
	subject       text COLLATE "C" NOT NULL,
	number        integer NOT NULL,
	id            integer NOT NULL,
	guid          text NOT NULL,
	before_change text NOT NULL,
	after_change  text NOT NULL,
	source        text NOT NULL,
	hash          text NOT NULL,
	PRIMARY KEY (chain, rev)
);
CREATE TRIGGER archive_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON accord.archive FOR EACH STATEMENT EXECUTE FUNCTION accord.stay();

-- Further refusals: AC009 ID mismatch   AC010 not in mode IMPORT   AC011 document taken   AC012 tried, nothing written
--   AC013 history taken

-- import_context makes sure that a context is there, and that no ID up to this one will be given in it.
CREATE FUNCTION accord.import_context(c_ctx text, c_id integer, is_try boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	context_n integer;
BEGIN
	IF NOT EXISTS (SELECT 1 FROM accord.contexts WHERE name = c_ctx) THEN
		INSERT INTO accord.contexts (name) VALUES (c_ctx) RETURNING n INTO context_n;
		EXECUTE format('CREATE SEQUENCE accord.id_%s MAXVALUE 2147483647', context_n);
	END IF;
	IF c_id > 0 AND NOT is_try THEN -- sequences do not take part in transactions
		PERFORM accord.raise_id(c_ctx, c_id);
	END IF;
END $$;

-- import_schema finds a schema as it is, or adds it, with the GUIDs that it is also known by.
CREATE FUNCTION accord.import_schema(who text[], c_ctx text, c_subject text, v json, b json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	known accord.schemas;
	s_id integer := (v->>'id')::integer;
	g text;
	ref json;
	is_new boolean;
BEGIN
	SELECT * INTO known FROM accord.schemas WHERE ctx = c_ctx AND id = s_id;
	is_new := NOT FOUND;
	IF NOT is_new AND known.guid <> v->>'guid' THEN
		PERFORM accord.refuse('AC005', json_build_object('ctx', c_ctx, 'subject', c_subject, 'id', s_id));
	END IF;
	FOR g IN SELECT v->>'guid' UNION SELECT json_array_elements_text(v->'guids') LOOP
		IF EXISTS (SELECT 1 FROM accord.schemas s
			WHERE (s.ctx, s.id) IN (SELECT ctx, id FROM accord.schemas WHERE guid = g UNION ALL SELECT ctx, id FROM accord.other_guids WHERE guid = g)
				AND (s.text, s.refs, s.metadata, s.rules) IS DISTINCT FROM (v->>'text', v->>'refs', v->>'metadata', v->>'rules')) THEN
			PERFORM accord.refuse('AC006', json_build_object('ctx', c_ctx, 'subject', c_subject, 'number', v->'number', 'guid', g));
		END IF;
	END LOOP;
	IF is_new THEN
		IF NOT (b->>'open')::boolean THEN
			PERFORM accord.refuse('AC010', json_build_object('ctx', c_ctx, 'subject', c_subject));
		END IF;
		PERFORM accord.import_context(c_ctx, s_id, (b->>'try')::boolean);
		INSERT INTO accord.schemas VALUES (c_ctx, s_id, v->>'guid', v->>'text', v->>'refs', v->>'metadata', v->>'rules', v->>'broken',
			CASE (v->>'schema_at')::bigint WHEN 0 THEN accord.now() ELSE (v->>'schema_at')::bigint END,
			CASE (v->>'schema_at')::bigint WHEN 0 THEN who[1] ELSE v->>'schema_author' END);
		INSERT INTO accord.guids VALUES (c_ctx, v->>'guid', s_id) ON CONFLICT (ctx, guid) DO UPDATE SET id = least(guids.id, excluded.id);
		FOR ref IN SELECT * FROM json_array_elements(v->'targets') LOOP
			INSERT INTO accord.refs VALUES (c_ctx, s_id, ref->>'ctx', ref->>'subject', (ref->>'number')::integer) ON CONFLICT DO NOTHING;
		END LOOP;
	END IF;
	INSERT INTO accord.other_guids SELECT g2, c_ctx, s_id FROM json_array_elements_text(v->'guids') g2 ON CONFLICT DO NOTHING;
END $$;

-- import_subject adds what is not there of a subject, and returns how many versions that were; no revision is given
-- where nothing changes.
CREATE FUNCTION accord.import_subject(who text[], s json, b json, INOUT o_created integer, INOUT o_same integer, INOUT o_rev bigint) LANGUAGE plpgsql AS $$
DECLARE
	c_ctx text := s->>'ctx';
	c_subject text := s->>'subject';
	there accord.subjects;
	old accord.versions;
	v json;
	r bigint := 0;
	v_at bigint;
BEGIN
	SELECT * INTO there FROM accord.subjects WHERE ctx = c_ctx AND name = c_subject;
	PERFORM accord.compare(c_ctx, c_subject, coalesce(there.head, 0), (b->>'rev')::bigint);
	FOR v IN SELECT * FROM json_array_elements(s->'versions') LOOP
		SELECT * INTO old FROM accord.versions WHERE ctx = c_ctx AND subject = c_subject AND number = (v->>'number')::integer;
		IF old.number IS NOT NULL AND old.id <> (v->>'id')::integer THEN
			PERFORM accord.refuse('AC009', json_build_object('ctx', c_ctx, 'subject', c_subject, 'number', v->'number', 'id', old.id));
		END IF;
		PERFORM accord.import_schema(who, c_ctx, c_subject, v, b);
		IF old.number IS NOT NULL THEN
			IF old.state <> (v->>'state')::smallint THEN
				PERFORM accord.refuse('AC004', json_build_object('ctx', c_ctx, 'subject', c_subject, 'number', v->'number', 'name', 'its state is another'));
			END IF;
			IF old.lens <> v->>'lens' THEN
				PERFORM accord.refuse('AC004', json_build_object('ctx', c_ctx, 'subject', c_subject, 'number', v->'number', 'name', 'its lens is another'));
			END IF;
			o_same := o_same + 1;
			CONTINUE;
		END IF;
		IF NOT (b->>'open')::boolean THEN
			PERFORM accord.refuse('AC010', json_build_object('ctx', c_ctx, 'subject', c_subject));
		END IF;
		r := accord.change(who, 'register', c_ctx, c_subject, (v->>'number')::integer, (v->>'id')::integer, v->>'guid', '', v->>'mark');
		IF v->>'state' <> '0' THEN
			r := accord.change(who, 'delete', c_ctx, c_subject, (v->>'number')::integer, (v->>'id')::integer, v->>'guid', '', '');
		END IF;
		v_at := (v->>'at')::bigint;
		INSERT INTO accord.versions VALUES (c_ctx, c_subject, (v->>'number')::integer, (v->>'id')::integer, (v->>'state')::smallint, v->>'lens', v->>'mark', r,
			CASE v_at WHEN 0 THEN accord.now() ELSE v_at END, CASE v_at WHEN 0 THEN who[1] ELSE v->>'author' END);
		o_created := o_created + 1;
	END LOOP;
	IF r > 0 OR coalesce(there.head, 0) < (s->>'head')::integer THEN
		INSERT INTO accord.subjects VALUES (c_ctx, c_subject, (s->>'head')::integer, greatest(r, coalesce(there.rev, 0)))
		ON CONFLICT (ctx, name) DO UPDATE SET head = greatest(subjects.head, excluded.head), rev = excluded.rev;
	END IF;
	o_rev := greatest(o_rev, r);
END $$;

-- import_document adds a document that is not there.
CREATE FUNCTION accord.import_document(who text[], d json, b json, INOUT o_created integer, INOUT o_same integer, INOUT o_rev bigint) LANGUAGE plpgsql AS $$
DECLARE
	old accord.documents;
	d_at bigint := (d->>'at')::bigint;
BEGIN
	SELECT * INTO old FROM accord.documents WHERE kind = d->>'kind' AND name = d->>'name';
	IF FOUND AND old.body = d->>'body' THEN
		o_same := o_same + 1;
		RETURN;
	END IF;
	IF FOUND THEN
		PERFORM accord.refuse('AC011', json_build_object('name', (d->>'kind') || ' ' || (d->>'name')));
	END IF;
	IF NOT (b->>'open')::boolean THEN
		PERFORM accord.refuse('AC010', '{}');
	END IF;
	o_rev := accord.change(who, 'document', '', (d->>'kind') || '/' || (d->>'name'), 0, 0, '', '', d->>'body');
	INSERT INTO accord.documents VALUES (d->>'kind', d->>'name', d->>'body', o_rev,
		CASE d_at WHEN 0 THEN accord.now() ELSE d_at END, CASE d_at WHEN 0 THEN who[1] ELSE d->>'author' END);
	o_created := o_created + 1;
END $$;

-- import_history adds rows of another store's history; they are no changes of this one.
CREATE FUNCTION accord.import_history(h json, b json, INOUT o_created integer, INOUT o_same integer) LANGUAGE plpgsql AS $$
DECLARE
	a accord.archive := json_populate_record(NULL::accord.archive, h);
	known text;
BEGIN
	SELECT hash INTO known FROM accord.archive WHERE chain = a.chain AND rev = a.rev;
	IF FOUND AND known = a.hash THEN
		o_same := o_same + 1;
		RETURN;
	END IF;
	IF FOUND THEN
		PERFORM accord.refuse('AC013', json_build_object('name', format('revision %s of chain %s', a.rev, a.chain)));
	END IF;
	IF NOT (b->>'open')::boolean THEN
		PERFORM accord.refuse('AC010', '{}');
	END IF;
	INSERT INTO accord.archive SELECT a.*;
	o_created := o_created + 1;
END $$;

-- import writes one batch: {rev, open, try, contexts: [{ctx, id}], subjects: [{ctx, subject, head, versions: […]}],
-- documents: [{kind, name, body, at, author}], history: [{chain, rev, …}], assumed: [{ctx, subject, number}]}.
CREATE FUNCTION accord.import(who text[], b json) RETURNS TABLE (o_created integer, o_same integer, o_rev bigint) LANGUAGE plpgsql AS $$
DECLARE
	c json;
	s json;
	v json;
	ref json;
	last bigint;
BEGIN
	PERFORM accord.lock();
	o_created := 0;
	o_same := 0;
	o_rev := 0;
	FOR c IN SELECT * FROM json_array_elements(b->'contexts') LOOP
		SELECT coalesce(pg_sequence_last_value(('accord.id_' || n)::regclass), 0) INTO last FROM accord.contexts WHERE name = c->>'ctx';
		IF coalesce(last, 0) < (c->>'id')::bigint THEN
			IF NOT (b->>'open')::boolean THEN
				PERFORM accord.refuse('AC010', json_build_object('ctx', c->>'ctx'));
			END IF;
			PERFORM accord.import_context(c->>'ctx', (c->>'id')::integer, (b->>'try')::boolean);
		END IF;
	END LOOP;
	FOR s IN SELECT * FROM json_array_elements(b->'subjects') LOOP
		SELECT * INTO o_created, o_same, o_rev FROM accord.import_subject(who, s, b, o_created, o_same, o_rev);
	END LOOP;
	-- References are looked at last: subjects of one batch may refer to each other.
	FOR s IN SELECT * FROM json_array_elements(b->'subjects') LOOP
		FOR v IN SELECT * FROM json_array_elements(s->'versions') LOOP
			CONTINUE WHEN v->>'broken' <> '';
			FOR ref IN SELECT * FROM json_array_elements(v->'targets') LOOP
				IF NOT EXISTS (SELECT 1 FROM accord.versions WHERE ctx = ref->>'ctx' AND subject = ref->>'subject' AND number = (ref->>'number')::integer)
					AND NOT EXISTS (SELECT 1 FROM json_array_elements(b->'assumed') a WHERE a->>'ctx' = ref->>'ctx' AND a->>'subject' = ref->>'subject' AND a->>'number' = ref->>'number') THEN
					PERFORM accord.refuse('AC007', json_build_object('ctx', s->>'ctx', 'subject', s->>'subject', 'number', v->'number', 'id', v->'id',
						'name', format('%s version %s', ref->>'subject', ref->>'number')));
				END IF;
			END LOOP;
		END LOOP;
	END LOOP;
	FOR s IN SELECT * FROM json_array_elements(b->'documents') LOOP
		SELECT * INTO o_created, o_same, o_rev FROM accord.import_document(who, s, b, o_created, o_same, o_rev);
	END LOOP;
	FOR s IN SELECT * FROM json_array_elements(b->'history') LOOP
		SELECT * INTO o_created, o_same FROM accord.import_history(s, b, o_created, o_same);
	END LOOP;
	IF (b->>'try')::boolean THEN
		PERFORM accord.refuse('AC012', json_build_object('created', o_created, 'same', o_same));
	END IF;
	IF o_rev > 0 THEN
		PERFORM pg_notify('accord', o_rev::text);
	END IF;
	RETURN NEXT;
END $$;

-- Times are microseconds since 1970. ctx '' is the default context. state: 0 live, 1 deleted, 2 gone. JSON is kept as
-- text, to the byte. Names compare by bytes.
CREATE SEQUENCE accord.revision;

-- Each context has a sequence of its own for IDs, accord.id_<n>.
CREATE TABLE accord.contexts (
	name text COLLATE "C" PRIMARY KEY,
	n    integer GENERATED ALWAYS AS IDENTITY UNIQUE
);

CREATE TABLE accord.subjects (
	ctx  text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	head integer NOT NULL,
	rev  bigint NOT NULL,
	PRIMARY KEY (ctx, name)
);

CREATE TABLE accord.schemas (
	ctx      text COLLATE "C" NOT NULL,
	id       integer NOT NULL,
	guid     text COLLATE "C" NOT NULL,
	text     text NOT NULL,
	refs     text NOT NULL,
	metadata text NOT NULL,
	rules    text NOT NULL,
	broken   text NOT NULL,
	at       bigint NOT NULL,
	author   text NOT NULL,
	PRIMARY KEY (ctx, id)
);
CREATE INDEX schemas_guid ON accord.schemas (guid, ctx, id);

-- The ID that new registrations of an identity get.
CREATE TABLE accord.guids (
	ctx  text COLLATE "C" NOT NULL,
	guid text COLLATE "C" NOT NULL,
	id   integer NOT NULL,
	PRIMARY KEY (ctx, guid)
);

CREATE TABLE accord.versions (
	ctx     text COLLATE "C" NOT NULL,
	subject text COLLATE "C" NOT NULL,
	number  integer NOT NULL,
	id      integer NOT NULL,
	state   smallint NOT NULL,
	lens    text NOT NULL,
	mark    text NOT NULL,
	rev     bigint NOT NULL,
	at      bigint NOT NULL,
	author  text NOT NULL,
	PRIMARY KEY (ctx, subject, number)
);
CREATE INDEX versions_id ON accord.versions (ctx, id);

CREATE TABLE accord.refs (
	ctx        text COLLATE "C" NOT NULL,
	id         integer NOT NULL,
	to_ctx     text COLLATE "C" NOT NULL,
	to_subject text COLLATE "C" NOT NULL,
	to_number  integer NOT NULL,
	PRIMARY KEY (to_ctx, to_subject, to_number, ctx, id)
);
CREATE INDEX refs_from ON accord.refs (ctx, id);

-- subject '' is the context itself. A row stays when its policy is cleared: its revision still matters.
CREATE TABLE accord.policies (
	ctx     text COLLATE "C" NOT NULL,
	subject text COLLATE "C" NOT NULL,
	config  jsonb NOT NULL,
	mode    text NOT NULL,
	rev     bigint NOT NULL,
	PRIMARY KEY (ctx, subject)
);

CREATE TABLE accord.changes (
	rev           bigint PRIMARY KEY,
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
	after_change  text NOT NULL
);

CREATE TABLE accord.documents (
	kind   text COLLATE "C" NOT NULL,
	name   text COLLATE "C" NOT NULL,
	body   text NOT NULL,
	rev    bigint NOT NULL,
	at     bigint NOT NULL,
	author text NOT NULL,
	PRIMARY KEY (kind, name)
);

-- The last report that was applied, by route and process.
CREATE TABLE accord.senders (
	route    text NOT NULL,
	instance text NOT NULL,
	seq      bigint NOT NULL,
	at       bigint NOT NULL,
	PRIMARY KEY (route, instance)
);

CREATE TABLE accord.usage (
	role text NOT NULL, service text NOT NULL, client text NOT NULL, principal text NOT NULL, topic text NOT NULL,
	grp text NOT NULL, ctx text COLLATE "C" NOT NULL, subject text COLLATE "C" NOT NULL, number integer NOT NULL, id integer NOT NULL,
	records bigint NOT NULL, bytes bigint NOT NULL, first bigint NOT NULL, last bigint NOT NULL,
	PRIMARY KEY (ctx, subject, role, service, client, principal, topic, grp, number, id)
);
CREATE INDEX usage_last ON accord.usage (last);

CREATE TABLE accord.rejections (
	group_id text COLLATE "C" NOT NULL, client text NOT NULL, principal text NOT NULL, ctx text COLLATE "C" NOT NULL,
	subject text COLLATE "C" NOT NULL, number integer NOT NULL, topic text NOT NULL, address text NOT NULL,
	keyword text NOT NULL, reason text NOT NULL, records bigint NOT NULL, collateral bigint NOT NULL,
	first bigint NOT NULL, last bigint NOT NULL,
	PRIMARY KEY (group_id, topic, client, principal)
);
CREATE INDEX rejections_last ON accord.rejections (last);

CREATE TABLE accord.samples (
	n        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	group_id text COLLATE "C" NOT NULL,
	event    text NOT NULL,
	at       bigint NOT NULL
);
CREATE INDEX samples_group ON accord.samples (group_id, n);

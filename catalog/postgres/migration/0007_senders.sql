-- What was observed is counted apart for each who reports it: nobody adds to what another said. While this is rolled
-- out, a report to a replica of the release before is refused, and its sender comes again with it.
ALTER TABLE accord.usage ADD COLUMN author text NOT NULL DEFAULT '',
	DROP CONSTRAINT usage_pkey, ADD PRIMARY KEY (ctx, subject, role, service, client, principal, topic, grp, number, id, author);
ALTER TABLE accord.rejections ADD COLUMN author text NOT NULL DEFAULT '',
	DROP CONSTRAINT rejections_pkey, ADD PRIMARY KEY (group_id, topic, client, principal, author);
ALTER TABLE accord.pins DROP CONSTRAINT pins_pkey, ADD PRIMARY KEY (ctx, subject, grp, client, number, author);

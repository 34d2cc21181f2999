-- Written by whoever asks whether the database can be written.
CREATE TABLE accord.probes (
	one integer PRIMARY KEY CHECK (one = 1),
	at  bigint NOT NULL
);

-- Written by whoever asks whether the database can be written.
CREATE TABLE probes (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	at  INTEGER NOT NULL
) STRICT;

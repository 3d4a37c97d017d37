-- What revision 0015 added to 0014_schema.sql. Frozen, as that is.

ALTER TABLE domiq_sync.account ADD COLUMN opened_at timestamp with time zone;

CREATE TABLE domiq_sync.worker (
    name text NOT NULL,
    job text NOT NULL,
    run_id text,
    started_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT worker_pkey PRIMARY KEY (name)
);
CREATE INDEX worker_run ON domiq_sync.worker (run_id);

CREATE TABLE domiq_sync.trouble (
    kind text NOT NULL,
    key text NOT NULL,
    property_id uuid NOT NULL,
    sentence text NOT NULL,
    since timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    times integer NOT NULL DEFAULT 1,
    CONSTRAINT trouble_pkey PRIMARY KEY (kind, property_id, key),
    CONSTRAINT trouble_property_id_fkey FOREIGN KEY (property_id) REFERENCES property(id) ON DELETE CASCADE
);

UPDATE domiq_sync.alembic_version SET version_num = '0015';

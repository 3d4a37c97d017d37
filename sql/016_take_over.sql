-- Instead of the files before it: brings a database that stands at revision 0014 or 0015 to what those files make. A
-- database at 0014 lacks the tables of 011_workers.sql, which is applied to it first. Nothing before was released.

ALTER TABLE domiq_sync.account ADD COLUMN IF NOT EXISTS opened_at TIMESTAMPTZ;
ALTER TABLE domiq_sync.delivery RESET (fillfactor);

-- Every table has a primary key: 003_properties.sql says why.
ALTER TABLE domiq_sync.domiq_status_map ADD COLUMN id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
ALTER TABLE domiq_sync.resman_status_map ADD COLUMN id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
ALTER TABLE domiq_sync.threshold ADD COLUMN id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
ALTER TABLE domiq_sync.daily_total ADD COLUMN id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY;

UPDATE domiq_sync.alembic_version SET version_num = '0016';

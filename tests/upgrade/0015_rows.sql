-- Rows of what revision 0015 added, beside 0014_rows.sql.

UPDATE domiq_sync.account SET opened_at = '2026-03-02 12:00Z';
INSERT INTO domiq_sync.worker (name, job) VALUES ('w1', 'push');
INSERT INTO domiq_sync.trouble (kind, key, property_id, sentence) VALUES
    ('prospect', 'prospect-7', '10000000-0000-0000-0000-000000000001', 'its date is none');

-- Reports that go out to those who asked, as notices do.

-- The page that a notice carries, for 30 days: some channel may not take it at once.
CREATE TABLE domiq_sync.report_page (
    id UUID PRIMARY KEY,
    made_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    file_name TEXT NOT NULL,
    html TEXT NOT NULL
);

-- No reference: a page goes before the record that it was sent.
ALTER TABLE domiq_sync.notification ADD COLUMN report_id UUID;

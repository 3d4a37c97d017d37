-- Reports that go out to those who asked, as notices do.

-- The page that a notice carries, for 30 days: some channel may not take it at once.
CREATE TABLE domiq_sync.report_page (
    id UUID PRIMARY KEY,
    made_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    file_name TEXT NOT NULL,
    html TEXT NOT NULL
);
COMMENT ON TABLE domiq_sync.report_page IS 'Pages of reports that notices carry: docs/report.md';

-- No reference: a page goes before the record that it was sent.
ALTER TABLE domiq_sync.notification ADD COLUMN report_id UUID;

-- name: erase_pages
-- A notice that waits for its page goes without: its words are enough.
DELETE FROM domiq_sync.report_page r WHERE r.html ~ :shown RETURNING 1

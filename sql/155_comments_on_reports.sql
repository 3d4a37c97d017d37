-- What the tables of 030_daily_figures.sql and 031_reports.sql hold.

COMMENT ON TABLE domiq_sync.daily_count IS
'The UTC days whose figures were counted, and when';
COMMENT ON COLUMN domiq_sync.daily_count.day IS -- date NOT NULL
'The UTC day.';
COMMENT ON COLUMN domiq_sync.daily_count.counted_at IS -- timestamp with time zone NOT NULL
'When it was counted; one that was counted before its end is counted again.';

COMMENT ON TABLE domiq_sync.daily_figure IS
'The figures of each UTC day by property and direction: docs/report.md';
COMMENT ON COLUMN domiq_sync.daily_figure.day IS -- date NOT NULL
'The UTC day.';
COMMENT ON COLUMN domiq_sync.daily_figure.property IS -- text NOT NULL
'The property, by its partition key.';
COMMENT ON COLUMN domiq_sync.daily_figure.sync_direction IS -- text NOT NULL
'to_resman or from_resman; empty: the log says none.';
COMMENT ON COLUMN domiq_sync.daily_figure.changes IS -- bigint NOT NULL
'How many changes were logged.';
COMMENT ON COLUMN domiq_sync.daily_figure.success IS -- bigint NOT NULL
'Those of them that succeeded.';
COMMENT ON COLUMN domiq_sync.daily_figure.failed IS -- bigint NOT NULL
'Those that failed.';
COMMENT ON COLUMN domiq_sync.daily_figure.pending IS -- bigint NOT NULL
'Those that were pending when the day was counted.';
COMMENT ON COLUMN domiq_sync.daily_figure.success_rate IS -- double precision
'Percent of those that succeeded or failed; NULL: none did.';
COMMENT ON COLUMN domiq_sync.daily_figure.timed IS -- bigint NOT NULL
'Those that got to ResMan, and it is on record when.';
COMMENT ON COLUMN domiq_sync.daily_figure.latency_p50 IS -- double precision
'Seconds from logging until settled: half of the timed took no longer.';
COMMENT ON COLUMN domiq_sync.daily_figure.latency_p95 IS -- double precision
'The same: 95 of 100 took no longer.';
COMMENT ON COLUMN domiq_sync.daily_figure.within_10s IS -- bigint NOT NULL
'Those at ResMan within 10 seconds.';
COMMENT ON COLUMN domiq_sync.daily_figure.within_1min IS -- bigint NOT NULL
'Those at ResMan within a minute.';
COMMENT ON COLUMN domiq_sync.daily_figure.funnel IS -- jsonb NOT NULL
'How many leads came to each lead status.';
COMMENT ON COLUMN domiq_sync.daily_figure.moves IS -- jsonb NOT NULL
'How many moves there were from each lead status to each other one.';
COMMENT ON COLUMN domiq_sync.daily_figure.time_in_status IS -- jsonb NOT NULL
'How many leads left a status, and how long they had had it.';
COMMENT ON COLUMN domiq_sync.daily_figure.reasons IS -- jsonb NOT NULL
'How many changes failed of what: the ten reasons of most.';
COMMENT ON COLUMN domiq_sync.daily_figure.requests IS -- bigint
'Requests to the API that is written (to_resman), or read (from_resman).';
COMMENT ON COLUMN domiq_sync.daily_figure.throttled IS -- bigint NOT NULL
'Requests that ResMan turned away, having too many.';

COMMENT ON TABLE domiq_sync.daily_property IS
'The figures of each UTC day by connected property';
COMMENT ON COLUMN domiq_sync.daily_property.day IS -- date NOT NULL
'The UTC day.';
COMMENT ON COLUMN domiq_sync.daily_property.property IS -- text NOT NULL
'The property, by its partition key.';
COMMENT ON COLUMN domiq_sync.daily_property.conflicts_opened IS -- bigint NOT NULL
'Conflicts that were opened on that day.';
COMMENT ON COLUMN domiq_sync.daily_property.conflicts_decided IS -- bigint NOT NULL
'Conflicts that were decided on that day.';
COMMENT ON COLUMN domiq_sync.daily_property.compared IS -- bigint
'Its linked leads that could be compared; NULL: the day was counted too late.';
COMMENT ON COLUMN domiq_sync.daily_property.in_step IS -- bigint
'Those whose statuses agree.';
COMMENT ON COLUMN domiq_sync.daily_property.awaiting IS -- bigint
'Those that ResMan''s staff are to convert.';
COMMENT ON COLUMN domiq_sync.daily_property.diverged IS -- bigint
'Those that disagree unexplained.';

COMMENT ON TABLE domiq_sync.report_page IS
'Pages of reports that notices carry: docs/report.md';
COMMENT ON COLUMN domiq_sync.report_page.id IS -- uuid NOT NULL
'The page.';
COMMENT ON COLUMN domiq_sync.report_page.made_at IS -- timestamp with time zone NOT NULL
'When it was made; it goes after 30 days.';
COMMENT ON COLUMN domiq_sync.report_page.file_name IS -- text NOT NULL
'What the file is called that the notice carries.';
COMMENT ON COLUMN domiq_sync.report_page.html IS -- text NOT NULL
'The page.';

-- Sequences that stand behind what was drawn from them, as after a logical switchover, which copies rows and no
-- sequences. A number that is drawn twice is refused where it is a key, and takes a change's place in the order.

-- Each of them, with the highest number that is in use.
CREATE OR REPLACE FUNCTION domiq_sync.sequences_behind()
RETURNS TABLE (sequence_name TEXT, stands_at BIGINT, used BIGINT)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    it RECORD;
    is_called BOOLEAN;
BEGIN
    FOR it IN
        SELECT s.oid::regclass::text AS name,
               format('SELECT max(%I) FROM %s', a.attname, d.refobjid::regclass) AS highest
        FROM pg_class s
        JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
            AND d.refclassid = 'pg_class'::regclass
        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE s.relkind = 'S' AND s.relnamespace = 'domiq_sync'::regnamespace
        UNION ALL VALUES
        ('domiq_sync.turn_holder', 'SELECT max(holder) FROM domiq_sync.account_turn'),
        ('domiq_sync.capture_misses', 'SELECT max(total) FROM domiq_sync.capture_gap'),
        -- by an index each: those in flight, and the last that were tried
        ('domiq_sync.lease_token', 'SELECT greatest(
             (SELECT max(lease_token) FROM domiq_sync.delivery WHERE state = ''in_flight''),
             (SELECT max(lease_token) FROM (SELECT lease_token FROM domiq_sync.attempt
                                            ORDER BY id DESC LIMIT 100) AS tried))')
    LOOP
        EXECUTE it.highest INTO used;
        EXECUTE format('SELECT last_value, is_called FROM %s', it.name) INTO stands_at, is_called;
        IF used > stands_at OR used = stands_at AND NOT is_called THEN
            sequence_name := it.name;
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;

-- Sets them right. Changes that took a place in the order meanwhile get one behind all others, as they were logged.
-- Returns the names of those that were behind.
CREATE OR REPLACE FUNCTION domiq_sync.set_sequences_right() RETURNS SETOF TEXT
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    it RECORD;
    misplaced RECORD;
    new_place BIGINT;
    last_in_order TIMESTAMPTZ;
BEGIN
    IF NOT EXISTS (SELECT FROM domiq_sync.sequences_behind()) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('domiq_sync.sequences', 0));
    FOR it IN SELECT * FROM domiq_sync.sequences_behind() LOOP
        PERFORM setval(it.sequence_name::regclass, it.used);
        RETURN NEXT it.sequence_name;
        CONTINUE WHEN it.sequence_name <> 'domiq_sync.change_seq_seq';
        SELECT c.logged_at INTO last_in_order FROM domiq_sync.change c ORDER BY c.seq DESC LIMIT 1;
        FOR misplaced IN
            SELECT c.change_id, c.conversation_id FROM domiq_sync.change c
            WHERE c.seq <= it.stands_at AND c.logged_at > last_in_order ORDER BY c.logged_at, c.seq
        LOOP
            UPDATE domiq_sync.change c SET seq = DEFAULT WHERE c.change_id = misplaced.change_id
            RETURNING c.seq INTO new_place;
            UPDATE domiq_sync.delivery d SET seq = new_place, in_turn = FALSE, is_head = FALSE
            WHERE d.change_id = misplaced.change_id;
        END LOOP;
    END LOOP;
END $$;

SELECT domiq_sync.set_sequences_right();

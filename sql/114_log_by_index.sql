-- What is read of the log by the contract's index (new_status, sync_status, created_at), from one new status to the
-- next: as much as there is to find, however long the log. A plan that reads it whole would be kept by the session.

-- Every new status that the log has, and NULL.
CREATE OR REPLACE FUNCTION domiq_sync.new_statuses() RETURNS SETOF VARCHAR
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
BEGIN
    RETURN QUERY
        WITH RECURSIVE found AS (
            (SELECT g.new_status FROM public.status_sync_log g WHERE g.new_status IS NOT NULL
             ORDER BY g.new_status LIMIT 1)
            UNION ALL
            SELECT (SELECT g.new_status FROM public.status_sync_log g WHERE g.new_status > found.new_status
                    ORDER BY g.new_status LIMIT 1)
            FROM found WHERE found.new_status IS NOT NULL
        )
        SELECT found.new_status FROM found WHERE found.new_status IS NOT NULL UNION ALL SELECT NULL;
END $$;

-- Pending changes to ResMan.
CREATE OR REPLACE FUNCTION domiq_sync.pending_changes() RETURNS SETOF UUID
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    its_status VARCHAR;
BEGIN
    FOR its_status IN SELECT * FROM domiq_sync.new_statuses() LOOP
        IF its_status IS NULL THEN
            RETURN QUERY SELECT g.id FROM public.status_sync_log g
                WHERE g.new_status IS NULL AND g.sync_status = 'pending' AND g.sync_direction = 'to_resman';
        ELSE
            RETURN QUERY SELECT g.id FROM public.status_sync_log g
                WHERE g.new_status = its_status AND g.sync_status = 'pending' AND g.sync_direction = 'to_resman';
        END IF;
    END LOOP;
END $$;

-- Changes by the time that stands in their row of the log.
CREATE OR REPLACE FUNCTION domiq_sync.changes_since(moment TIMESTAMPTZ) RETURNS SETOF UUID
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    its_status VARCHAR;
    its_end VARCHAR;
BEGIN
    FOR its_status, its_end IN
        SELECT s, e FROM domiq_sync.new_statuses() AS s, unnest('{pending,success,failed,NULL}'::varchar[]) AS e
    LOOP
        IF its_status IS NULL AND its_end IS NULL THEN
            RETURN QUERY SELECT g.id FROM public.status_sync_log g
                WHERE g.new_status IS NULL AND g.sync_status IS NULL AND g.created_at >= moment;
        ELSIF its_status IS NULL THEN
            RETURN QUERY SELECT g.id FROM public.status_sync_log g
                WHERE g.new_status IS NULL AND g.sync_status = its_end AND g.created_at >= moment;
        ELSIF its_end IS NULL THEN
            RETURN QUERY SELECT g.id FROM public.status_sync_log g
                WHERE g.new_status = its_status AND g.sync_status IS NULL AND g.created_at >= moment;
        ELSE
            RETURN QUERY SELECT g.id FROM public.status_sync_log g
                WHERE g.new_status = its_status AND g.sync_status = its_end AND g.created_at >= moment;
        END IF;
    END LOOP;
END $$;

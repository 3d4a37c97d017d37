-- The files from 100 on are applied at every migrate: functions, triggers and views, each of which is stated in one
-- place, and what depends on the shape of the database or on a choice. All can be repeated.

-- Makes a trigger as it is stated, and enabled. One that is so already is left alone: to make it anew would lock its
-- table against everybody. PostgreSQL says what a trigger is in words of its own: with more parentheses, with a cast
-- where a column is VARCHAR, and with the events in the order INSERT, DELETE, UPDATE, so they are to be stated in that
-- order. `scope` is for a trigger of statements, with the tables that it refers to.
DROP PROCEDURE IF EXISTS domiq_sync.ensure_trigger(REGCLASS, TEXT, TEXT, TEXT);
CREATE OR REPLACE PROCEDURE domiq_sync.ensure_trigger(
    on_table REGCLASS, trigger_name TEXT, event TEXT, action TEXT, scope TEXT DEFAULT 'FOR EACH ROW'
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted CONSTANT TEXT := format('CREATE TRIGGER %I %s ON %s %s %s',
                                   trigger_name, event, on_table, scope, action);
    found CONSTANT TEXT := (SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t
                            WHERE t.tgrelid = on_table AND t.tgname = trigger_name);
    filling CONSTANT TEXT := '[[:space:]()]|::text';
BEGIN
    IF lower(regexp_replace(found, filling, '', 'g')) = lower(regexp_replace(wanted, filling, '', 'g')) THEN
        IF (SELECT t.tgenabled FROM pg_trigger t WHERE t.tgrelid = on_table AND t.tgname = trigger_name)
           NOT IN ('O', 'A') THEN
            EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', on_table, trigger_name);
        END IF;
        RETURN;
    END IF;
    IF found IS NOT NULL THEN
        EXECUTE format('DROP TRIGGER %I ON %s', trigger_name, on_table);
    END IF;
    EXECUTE wanted;
END $$;

-- Makes a view as it is stated. One that is so already is left alone: to make it anew would lock it, until the
-- migration ends, against the triggers that read it where DomIQ writes, and they wait for 100 ms at most.
CREATE OR REPLACE PROCEDURE domiq_sync.ensure_view(view_name TEXT, query TEXT)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stated CONSTANT TEXT := view_name || '_as_stated';
    is_so BOOLEAN := FALSE;
BEGIN
    IF to_regclass(view_name) IS NOT NULL THEN
        EXECUTE format('CREATE VIEW %s AS %s', stated, query);
        is_so := pg_get_viewdef(to_regclass(view_name)) = pg_get_viewdef(to_regclass(stated));
        EXECUTE format('DROP VIEW %s', stated);
    END IF;
    IF NOT is_so THEN
        EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', view_name, query);
    END IF;
END $$;

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

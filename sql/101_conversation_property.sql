-- Which property a conversation belongs to: this is the one place that answers it. It depends on the shape of the
-- database: whether conversation has a property_id of its own, or reaches its property through chatbot. The public
-- view repeats the answer rather than use domiq_sync, so that it outlives that schema. LEFT JOIN: a conversation
-- without a chatbot counts under no property, as one whose property_id is NULL does.
DO $$
DECLARE
    own_column CONSTANT BOOLEAN := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'public.conversation'::regclass
        AND attname = 'property_id' AND atttypid = 'uuid'::regtype AND NOT attisdropped);
    source CONSTANT TEXT := CASE WHEN own_column
        THEN 'public.conversation c'
        ELSE 'public.conversation c LEFT JOIN public.chatbot b ON b.id = c.chatbot_id' END;
    property CONSTANT TEXT := CASE WHEN own_column THEN 'c.property_id' ELSE 'b.property_id' END;
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE VIEW domiq_sync.conversation_property AS
         SELECT c.id AS conversation_id, %s AS property_id FROM %s', property, source);
    EXECUTE format(
        'CREATE OR REPLACE VIEW public.status_sync_success_rate AS
         SELECT %1$s AS property_id,
                COUNT(*) FILTER (WHERE ssl.sync_status = ''success'')::float
                    / NULLIF(COUNT(*), 0) * 100 AS sync_success_rate,
                COUNT(*) FILTER (WHERE ssl.sync_status = ''failed'') AS failed_status_updates
         FROM %2$s JOIN public.status_sync_log ssl ON ssl.conversation_id = c.id
         GROUP BY %1$s', property, source);
END $$;

-- For triggers: SECURITY DEFINER, since the application's role may see neither domiq_sync nor, under row-level
-- security, the property. 104_changes.sql says why enable_seqscan is off.
CREATE OR REPLACE FUNCTION domiq_sync.property_of(of_conversation UUID) RETURNS UUID
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    RETURN (SELECT p.property_id FROM domiq_sync.conversation_property p
            WHERE p.conversation_id = of_conversation);
END $$;

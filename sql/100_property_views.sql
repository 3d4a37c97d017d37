-- Applied at every migrate, since it depends on the shape of the database: whether conversation has
-- a property_id of its own, or reaches its property through chatbot. This is the one place that
-- answers which property a conversation belongs to. The public view repeats the answer rather than
-- use domiq_sync, so that it outlives that schema. LEFT JOIN: a conversation without a chatbot counts
-- under no property, as one whose property_id is NULL does.
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

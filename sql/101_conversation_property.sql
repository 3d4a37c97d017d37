-- Which property a conversation belongs to: this is the one place that answers it. Where conversation has a property_id
-- of its own, that holds for each row in which it has a value; the others reach their property through chatbot. LEFT
-- JOIN: a conversation without a chatbot counts under no property, as one whose property_id is NULL does.

-- How DomIQ's tables answer it here, as pieces of SQL over `public.conversation c`.
--   name      own (conversation.property_id alone), chatbot, or both
--   source    what to select from, and property: the property then
--   kind      what names the home of a conversation (023_log_totals.sql), and home: its id. Both of c alone
--   moved     whether OLD and NEW, two states of a conversation, may have different homes
CREATE OR REPLACE FUNCTION domiq_sync.database_shape()
RETURNS TABLE (name TEXT, source TEXT, property TEXT, kind TEXT, home TEXT, moved TEXT)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own_column CONSTANT BOOLEAN := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'public.conversation'::regclass
        AND attname = 'property_id' AND atttypid = 'uuid'::regtype AND NOT attisdropped);
    through_chatbot CONSTANT BOOLEAN := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'public.conversation'::regclass
        AND attname = 'chatbot_id' AND NOT attisdropped)
        AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.chatbot')
                    AND attname = 'property_id' AND NOT attisdropped);
    joined CONSTANT TEXT := 'public.conversation c LEFT JOIN public.chatbot b ON b.id = c.chatbot_id';
    none CONSTANT TEXT := '''00000000-0000-0000-0000-000000000000''::uuid';
BEGIN
    IF own_column AND NOT through_chatbot THEN
        RETURN QUERY SELECT 'own', 'public.conversation c', 'c.property_id',
            'CASE WHEN c.property_id IS NULL THEN ''nowhere'' ELSE ''property'' END',
            format('COALESCE(c.property_id, %s)', none), 'OLD.property_id IS DISTINCT FROM NEW.property_id';
    ELSIF own_column THEN
        RETURN QUERY SELECT 'both', joined, 'COALESCE(c.property_id, b.property_id)',
            'CASE WHEN c.property_id IS NOT NULL THEN ''property''
                  WHEN c.chatbot_id IS NOT NULL THEN ''chatbot'' ELSE ''nowhere'' END',
            format('COALESCE(c.property_id, c.chatbot_id, %s)', none),
            'OLD.property_id IS DISTINCT FROM NEW.property_id OR OLD.chatbot_id IS DISTINCT FROM NEW.chatbot_id';
    ELSE
        RETURN QUERY SELECT 'chatbot', joined, 'b.property_id',
            'CASE WHEN c.chatbot_id IS NULL THEN ''nowhere'' ELSE ''chatbot'' END',
            format('COALESCE(c.chatbot_id, %s)', none), 'OLD.chatbot_id IS DISTINCT FROM NEW.chatbot_id';
    END IF;
END $$;

-- In two halves where there are both, so that each column's own index finds a property's conversations.
DO $$
DECLARE
    shape RECORD;
BEGIN
    SELECT * INTO shape FROM domiq_sync.database_shape();
    CALL domiq_sync.ensure_view('domiq_sync.conversation_property', CASE WHEN shape.name = 'both'
        THEN format(
            'SELECT c.id AS conversation_id, c.property_id FROM public.conversation c WHERE c.property_id IS NOT NULL
             UNION ALL
             SELECT c.id, b.property_id FROM %s WHERE c.property_id IS NULL', shape.source)
        ELSE format('SELECT c.id AS conversation_id, %s AS property_id FROM %s', shape.property, shape.source) END);
    CALL domiq_sync.ensure_view('domiq_sync.conversation_home', format(
        'SELECT c.id AS conversation_id, %s AS kind, %s AS home FROM public.conversation c', shape.kind, shape.home));
END $$;

-- For triggers: SECURITY DEFINER, since the application's role may see neither domiq_sync nor, under row-level
-- security, the property. 104_changes.sql says why enable_seqscan is off.
CREATE OR REPLACE FUNCTION domiq_sync.property_of(of_conversation UUID) RETURNS UUID
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    RETURN (SELECT p.property_id FROM domiq_sync.conversation_property p
            WHERE p.conversation_id = of_conversation);
END $$;

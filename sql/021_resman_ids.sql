-- ResMan's ids are GUIDs, which are stored in small letters without braces from now on, however ResMan or a person
-- writes them. What is stored in another spelling is respelt; of several spellings of one prospect the newest stays.
DO $$
DECLARE
    guid CONSTANT TEXT := '^[{]?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[}]?$';
    respelt RECORD;
BEGIN
    DELETE FROM domiq_sync.resman_lead AS old
    USING domiq_sync.resman_lead AS new
    WHERE old.prospect_id ~* guid AND old.property_id = new.property_id
      AND lower(btrim(old.prospect_id, '{}')) = lower(btrim(new.prospect_id, '{}'))
      AND (old.read_at, old.prospect_id) < (new.read_at, new.prospect_id);

    DELETE FROM domiq_sync.missing_lead AS old
    USING domiq_sync.missing_lead AS new
    WHERE old.prospect_id ~* guid AND old.property_id = new.property_id
      AND lower(btrim(old.prospect_id, '{}')) = lower(btrim(new.prospect_id, '{}'))
      AND (old.last_missed_at, old.prospect_id) < (new.last_missed_at, new.prospect_id);

    DELETE FROM domiq_sync.link_question AS old
    USING domiq_sync.link_question AS new
    WHERE old.prospect_id ~* guid AND old.property_id = new.property_id
      AND lower(btrim(old.prospect_id, '{}')) = lower(btrim(new.prospect_id, '{}'))
      AND (old.asked_at, old.prospect_id) < (new.asked_at, new.prospect_id);

    DELETE FROM domiq_sync.trouble AS old
    USING domiq_sync.trouble AS new
    WHERE old.kind = 'prospect' AND new.kind = 'prospect' AND old.key ~* guid AND old.property_id = new.property_id
      AND lower(btrim(old.key, '{}')) = lower(btrim(new.key, '{}')) AND old.key < new.key;

    -- One conversation speaks for a lead: the one that was linked last. When conversations began cannot be asked of
    -- every database of DomIQ's.
    UPDATE domiq_sync.lead_link AS older SET is_current = FALSE
    FROM domiq_sync.lead_link AS newer
    WHERE older.is_current AND newer.is_current AND older.prospect_id ~* guid
      AND older.property_id = newer.property_id AND older.prospect_id <> newer.prospect_id
      AND lower(btrim(older.prospect_id, '{}')) = lower(btrim(newer.prospect_id, '{}'))
      AND (older.linked_at, older.conversation_id) < (newer.linked_at, newer.conversation_id);

    FOR respelt IN SELECT * FROM (VALUES
        ('resman_lead', 'prospect_id'), ('resman_lead', 'person_id'), ('resman_lead', 'transaction_source_id'),
        ('resman_lead', 'agent_id'), ('missing_lead', 'prospect_id'), ('lead_link', 'prospect_id'),
        ('lead_link', 'person_id'), ('closed_link', 'prospect_id'), ('closed_link', 'relinked_to'),
        ('link_decision', 'prospect_id'), ('link_question', 'prospect_id'), ('conflict', 'prospect_id'),
        ('trouble', 'key')) AS columns (of_table, name)
    LOOP
        EXECUTE format(
            'UPDATE domiq_sync.%1$I SET %2$I = lower(btrim(%2$I, ''{}'')) WHERE %2$I ~* $1 '
            'AND %2$I <> lower(btrim(%2$I, ''{}''))', respelt.of_table, respelt.name) USING guid;
    END LOOP;

    UPDATE domiq_sync.link_question
    SET prospect_ids = ARRAY(
        SELECT CASE WHEN p.id ~* guid THEN lower(btrim(p.id, '{}')) ELSE p.id END
        FROM unnest(prospect_ids) WITH ORDINALITY AS p (id, n) ORDER BY p.n)
    WHERE EXISTS (
        SELECT FROM unnest(prospect_ids) AS p (id) WHERE p.id ~* guid AND p.id <> lower(btrim(p.id, '{}')));
END $$;

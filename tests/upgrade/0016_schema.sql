-- A DomIQ database with the sync as it stood at revision 0016, with the shipped rows, as pg_dump wrote what the
-- version of that time (d6c6c51) had migrated, but for its comments and settings. Frozen, as 0014_schema.sql is.

SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;

CREATE SCHEMA domiq_sync;

CREATE FUNCTION domiq_sync.adopt_change(of_change uuid, of_conversation uuid, direction text, status text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    its_property UUID := domiq_sync.property_of(of_conversation);
    its_seq BIGINT;
    its_lane UUID := COALESCE(of_conversation, of_change);
    is_in_turn BOOLEAN := COALESCE(current_setting('domiq_sync.captured', true) = of_conversation::text, FALSE);
BEGIN
    INSERT INTO domiq_sync.change (change_id, conversation_id, property_id)
    VALUES (of_change, of_conversation, its_property)
    ON CONFLICT (change_id) DO NOTHING
    RETURNING seq INTO its_seq;
    IF direction = 'to_resman' AND status = 'pending' THEN
        IF its_seq IS NULL THEN
            SELECT c.seq INTO its_seq FROM domiq_sync.change c WHERE c.change_id = of_change;
            is_in_turn := FALSE;
        END IF;
        INSERT INTO domiq_sync.delivery (change_id, seq, lane, property_id, in_turn, is_head)
        VALUES (of_change, its_seq, its_lane, its_property, is_in_turn,
                NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = its_lane))
        ON CONFLICT (change_id) DO NOTHING;
    END IF;
END $$;

CREATE FUNCTION domiq_sync.capture_status() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '1s'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    its_property UUID;
    before TEXT;
    named_by CONSTANT TEXT := current_setting('domiq_sync.updated_by', true);
BEGIN
    IF current_setting('domiq_sync.origin', true) = 'resman' THEN
        RETURN NULL;
    END IF;
    its_property := domiq_sync.property_of(NEW.id);
    IF domiq_sync.lead_status(its_property, NEW.status) IS NULL
       OR EXISTS (SELECT FROM domiq_sync.integration i
                  WHERE i.property_id = its_property AND i.sync_direction = 'from_resman') THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        before := domiq_sync.close_chain(NEW.id, its_property, OLD.status,
                                         'found when the next change was captured, which overtook it');
    END IF;
    PERFORM set_config('domiq_sync.captured', NEW.id::text, true);
    INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status,
                                        updated_by, sync_direction, sync_status)
    VALUES (NEW.id,
            (SELECT l.prospect_id FROM domiq_sync.lead_link l WHERE l.conversation_id = NEW.id),
            before, NEW.status,
            CASE WHEN named_by IN ('resman_user', 'system') THEN named_by ELSE 'chatbot' END,
            'to_resman', 'pending');
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'domiq_sync: the status of conversation % was not captured (%); reconciliation will find it',
        NEW.id, SQLERRM;
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.check_status_map() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    known CONSTANT TEXT[] := '{new,contacted,qualified,tour_scheduled,application,leased,lost}';
    milestones CONSTANT TEXT[] := ARRAY[
        'Applicant/Approved', 'Applicant/LeaseSigned', 'Applicant/MovedIn', 'Applicant/Denied', 'Applicant/Cancelled',
        'Resident/Former', 'Resident/Evicted'];
    stranger TEXT;
BEGIN
    IF TG_TABLE_NAME = 'domiq_status_map' THEN
        IF NEW.lead_status <> ALL (known) THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format(
                'The row for DomIQ''s status "%s" names the lead status "%s", which there is not: use one of %s.',
                NEW.domiq_status, NEW.lead_status, array_to_string(known, ', '));
        END IF;
        IF NEW.event_type = '' OR (lower(NEW.event_type) IN ('cancel', 'reactivate') AND NEW.lead_status <> 'lost') THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format(
                'The row for DomIQ''s status "%s" would post the event "%s", which says something else at ResMan: '
                'use Contact, Other, Appointment or another event that only tells.',
                NEW.domiq_status, NEW.event_type);
        END IF;
        RETURN NEW;
    END IF;
    SELECT string_agg(quote_ident(s), ', ') INTO stranger
    FROM unnest(NEW.covers) s WHERE s IS NULL OR s <> ALL (known);
    IF stranger IS NOT NULL OR cardinality(NEW.covers) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format(
            'The row for ResMan''s status "%s" covers %s, which is no lead status: use some of %s.',
            NEW.resman_status, COALESCE(stranger, 'nothing'), array_to_string(known, ', '));
    END IF;
    IF NEW.sets <> ALL (NEW.covers) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format(
            'The row for ResMan''s status "%s" sets "%s", which it does not cover: what it sets must be one of %s.',
            NEW.resman_status, NEW.sets, array_to_string(NEW.covers, ', '));
    END IF;
    IF position('/' IN NEW.resman_status) > 0 AND NEW.resman_status <> ALL (milestones) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format(
            'No lease milestone is called "%s": use one of %s, or a status alone.',
            NEW.resman_status, array_to_string(milestones, ', '));
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION domiq_sync.close_chain(of_conversation uuid, of_property uuid, stood_at text, how text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    last_logged TEXT;
BEGIN
    SELECT g.new_status INTO last_logged
    FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
    WHERE ch.conversation_id = of_conversation ORDER BY ch.seq DESC LIMIT 1;
    IF last_logged IS NULL OR last_logged = stood_at THEN
        RETURN stood_at;
    END IF;
    IF domiq_sync.lead_status(of_property, stood_at) IS NULL THEN
        RETURN last_logged;
    END IF;
    INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status, status_reason,
                                        updated_by, sync_direction, sync_status, context_data)
    VALUES (of_conversation,
            (SELECT l.prospect_id FROM domiq_sync.lead_link l WHERE l.conversation_id = of_conversation),
            last_logged, stood_at, 'no change was logged for it', 'system', 'to_resman', 'success',
            jsonb_build_object('sync', jsonb_build_object('outcome', 'superseded', 'reason', how)));
    RETURN stood_at;
EXCEPTION WHEN OTHERS THEN  -- the next row is logged all the same
    RETURN stood_at;
END $$;

CREATE PROCEDURE domiq_sync.ensure_trigger(IN on_table regclass, IN trigger_name text, IN event text, IN action text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    wanted CONSTANT TEXT := format('CREATE TRIGGER %I %s ON %s FOR EACH ROW %s', trigger_name, event, on_table, action);
    found CONSTANT TEXT := (SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t
                            WHERE t.tgrelid = on_table AND t.tgname = trigger_name);
    filling CONSTANT TEXT := '[[:space:]()]|::text';
BEGIN
    IF lower(regexp_replace(found, filling, '', 'g')) = lower(regexp_replace(wanted, filling, '', 'g')) THEN
        RETURN;
    END IF;
    IF found IS NOT NULL THEN
        EXECUTE format('DROP TRIGGER %I ON %s', trigger_name, on_table);
    END IF;
    EXECUTE wanted;
END $$;

CREATE FUNCTION domiq_sync.fill_integration() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    slug TEXT;
BEGIN
    INSERT INTO domiq_sync.account (resman_account_id) VALUES (NEW.resman_account_id)
    ON CONFLICT DO NOTHING;
    IF NEW.partition_key IS NULL THEN
        SELECT trim(BOTH '-' FROM regexp_replace(lower(p.name), '[^a-z0-9]+', '-', 'g')) INTO slug
        FROM public.property p WHERE p.id = NEW.property_id;
        slug := COALESCE(NULLIF(slug, ''), 'property');
        IF EXISTS (SELECT FROM domiq_sync.integration i
                   WHERE i.partition_key = slug AND i.property_id <> NEW.property_id) THEN
            slug := slug || '-' || left(NEW.property_id::text, 8);
        END IF;
        NEW.partition_key := slug;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION domiq_sync.forget_leads() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    DELETE FROM domiq_sync.resman_lead r
    WHERE r.property_id = OLD.property_id
      AND NOT EXISTS (SELECT FROM public.property p WHERE p.id = OLD.property_id);
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.lead_status(of_property uuid, of_status text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN (SELECT m.lead_status FROM domiq_sync.domiq_status_map m
            WHERE m.domiq_status = of_status AND (m.property_id = of_property OR m.property_id IS NULL)
            ORDER BY m.property_id NULLS LAST LIMIT 1);
END $$;

CREATE FUNCTION domiq_sync.note_switching() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF NEW.sync_enabled AND NOT OLD.sync_enabled THEN
        NEW.enabled_at := clock_timestamp();
    END IF;
    IF (NEW.resman_account_id, NEW.resman_property_id) <> (OLD.resman_account_id, OLD.resman_property_id) THEN
        DELETE FROM domiq_sync.watermark w WHERE w.property_id = NEW.property_id;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION domiq_sync.on_change_logged() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '1s'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    PERFORM domiq_sync.adopt_change(NEW.id, NEW.conversation_id, NEW.sync_direction, NEW.sync_status);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'domiq_sync: change % is logged but not queued (%); reconciliation will queue it',
        NEW.id, SQLERRM;
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.on_link_closed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '1s'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    why TEXT := COALESCE(NULLIF(current_setting('domiq_sync.link_reason', true), ''), 'the link was closed');
BEGIN
    IF TG_OP = 'UPDATE' THEN
        why := 'a newer conversation of the lead speaks for it';
    ELSE
        IF NOT EXISTS (SELECT FROM public.conversation c WHERE c.id = OLD.conversation_id) THEN
            why := 'the conversation was deleted';
        END IF;
        INSERT INTO domiq_sync.closed_link (conversation_id, property_id, prospect_id, linked_by, linked_at,
                                            agreed_domiq_status, agreed_resman_status, agreed_at, reason)
        VALUES (OLD.conversation_id, OLD.property_id, OLD.prospect_id, OLD.linked_by, OLD.linked_at,
                OLD.agreed_domiq_status, OLD.agreed_resman_status, OLD.agreed_at, why);
    END IF;
    UPDATE domiq_sync.conflict SET resolved_at = clock_timestamp(), resolution = why
    WHERE conversation_id = OLD.conversation_id AND resolved_at IS NULL;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'domiq_sync: the end of the link of conversation % is not on record (%)',
        OLD.conversation_id, SQLERRM;
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.on_status_map_changed() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    word CONSTANT TEXT := CASE WHEN TG_OP = 'DELETE' THEN OLD.resman_status ELSE NEW.resman_status END;
    of_property CONSTANT UUID := CASE WHEN TG_OP = 'DELETE' THEN OLD.property_id ELSE NEW.property_id END;
    covered TEXT[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT m.covers INTO covered FROM domiq_sync.resman_status_map m
        WHERE m.resman_status IN (word, split_part(word, '/', 1))
          AND (m.property_id = of_property OR m.property_id IS NULL)
          AND (m.resman_status, m.property_id) IS DISTINCT FROM (word, of_property)
        ORDER BY m.resman_status = word DESC, m.property_id NULLS LAST LIMIT 1;
    ELSE
        covered := OLD.covers;
    END IF;
    UPDATE domiq_sync.lead_link l SET agreed_resman_status = ''
    WHERE (of_property IS NULL OR l.property_id = of_property) AND l.is_current
      AND (l.agreed_resman_status = word OR split_part(l.agreed_resman_status, '/', 1) = word)
      AND domiq_sync.lead_status(l.property_id, l.agreed_domiq_status) = ANY (covered)
      AND domiq_sync.lead_status(l.property_id, l.agreed_domiq_status)
          <> ALL (COALESCE(domiq_sync.resman_covers(l.property_id, l.agreed_resman_status), '{}'));
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.property_of(of_conversation uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    RETURN (SELECT p.property_id FROM domiq_sync.conversation_property p
            WHERE p.conversation_id = of_conversation);
END $$;

CREATE FUNCTION domiq_sync.resman_covers(of_property uuid, of_status text) RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN (SELECT m.covers FROM domiq_sync.resman_status_map m
            WHERE m.resman_status IN (of_status, split_part(of_status, '/', 1))
              AND (m.property_id = of_property OR m.property_id IS NULL)
            ORDER BY m.resman_status = of_status DESC, m.property_id NULLS LAST LIMIT 1);
END $$;

COMMENT ON FUNCTION domiq_sync.resman_covers(of_property uuid, of_status text) IS 'The lead statuses that a ResMan status covers at a property; NULL for a word that has no meaning there';

CREATE FUNCTION public.conversation_derive_status() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.is_book_tour AND NOT COALESCE(OLD.is_book_tour, FALSE) THEN
        NEW.status := 'tour_scheduled';
    ELSIF NEW.pre_qualified AND NOT COALESCE(OLD.pre_qualified, FALSE) THEN
        NEW.status := 'qualified';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.conversation_notify() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.status IN ('qualified', 'tour_scheduled') AND NEW.status IS DISTINCT FROM OLD.status THEN
        INSERT INTO public.lead_notification (conversation_id, property_manager_id, notification_type, status)
        SELECT NEW.id, a.property_manager_id, NEW.status, 'pending'
        FROM public.chatbot b
        JOIN public.property_manager_assignment a ON a.property_id = b.property_id AND a.is_primary
        WHERE b.id = NEW.chatbot_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.conversation_touch() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.updated_at := NOW();
    RETURN NEW;
END $$;

CREATE FUNCTION public.uuid_generate_v4() RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    AS $$SELECT gen_random_uuid()$$;

CREATE TABLE domiq_sync.account (
    resman_account_id text NOT NULL,
    max_concurrent integer DEFAULT 1 NOT NULL,
    min_interval_ms integer DEFAULT 0 NOT NULL,
    ramp_ms integer DEFAULT 0 NOT NULL,
    next_request_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    consecutive_failures integer DEFAULT 0 NOT NULL,
    opened_at timestamp with time zone,
    open_until timestamp with time zone,
    open_reason text,
    CONSTRAINT account_max_concurrent_check CHECK (((max_concurrent >= 1) AND (max_concurrent <= 16))),
    CONSTRAINT account_min_interval_ms_check CHECK ((min_interval_ms >= 0)),
    CONSTRAINT account_ramp_ms_check CHECK ((ramp_ms >= 0))
);

CREATE TABLE domiq_sync.account_turn (
    resman_account_id text NOT NULL,
    turn integer NOT NULL,
    holder bigint NOT NULL,
    busy_until timestamp with time zone
)
WITH (fillfactor='50');

CREATE TABLE domiq_sync.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE domiq_sync.alert (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    property_id uuid,
    kind text NOT NULL,
    phase text DEFAULT 'open'::text NOT NULL,
    figures jsonb NOT NULL,
    scope text[] DEFAULT '{}'::text[] NOT NULL,
    opened_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    suspected_at timestamp with time zone NOT NULL,
    told_at timestamp with time zone,
    turns integer DEFAULT 0 NOT NULL,
    good_since timestamp with time zone,
    closed_at timestamp with time zone,
    reopened integer DEFAULT 0 NOT NULL,
    CONSTRAINT alert_phase_check CHECK ((phase = ANY (ARRAY['suspect'::text, 'open'::text, 'closed'::text])))
);

CREATE TABLE domiq_sync.alert_complaint (
    notification_id uuid NOT NULL,
    settled_at timestamp with time zone NOT NULL
);

CREATE TABLE domiq_sync.alert_turn (
    alert_id uuid NOT NULL,
    n integer NOT NULL,
    turn text NOT NULL,
    said_at timestamp with time zone NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    CONSTRAINT alert_turn_turn_check CHECK ((turn = ANY (ARRAY['opened'::text, 'reopened'::text, 'widened'::text, 'reminder'::text, 'recovered'::text, 'retired'::text])))
);

CREATE TABLE domiq_sync.alert_watch (
    only_row boolean DEFAULT true NOT NULL,
    looked_at timestamp with time zone NOT NULL,
    CONSTRAINT alert_watch_only_row_check CHECK (only_row)
);

CREATE TABLE domiq_sync.attempt (
    id bigint NOT NULL,
    change_id uuid NOT NULL,
    lease_token bigint NOT NULL,
    worker text NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL,
    detail jsonb,
    started_at timestamp with time zone NOT NULL,
    duration_ms integer NOT NULL
);

ALTER TABLE domiq_sync.attempt ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.attempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.change (
    change_id uuid NOT NULL,
    seq bigint NOT NULL,
    conversation_id uuid,
    property_id uuid,
    logged_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    caused_by uuid,
    cause_rule_id uuid,
    chain_depth integer DEFAULT 0 NOT NULL,
    notified_at timestamp with time zone,
    ruled_at timestamp with time zone
);

ALTER TABLE domiq_sync.change ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.change_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.channel (
    channel text NOT NULL,
    min_interval_ms integer NOT NULL,
    next_send_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    consecutive_failures integer DEFAULT 0 NOT NULL,
    open_until timestamp with time zone,
    open_reason text,
    CONSTRAINT channel_min_interval_ms_check CHECK ((min_interval_ms >= 0))
);

CREATE TABLE domiq_sync.closed_link (
    id bigint NOT NULL,
    conversation_id uuid NOT NULL,
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    linked_by text NOT NULL,
    linked_at timestamp with time zone NOT NULL,
    agreed_domiq_status text,
    agreed_resman_status text,
    agreed_at timestamp with time zone,
    closed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    reason text NOT NULL,
    relinked_to text
);

ALTER TABLE domiq_sync.closed_link ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.closed_link_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.conflict (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    property_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    prospect_id text NOT NULL,
    domiq_status text,
    resman_status text NOT NULL,
    opened_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    resolved_at timestamp with time zone,
    resolution text,
    resolved_by text
);

CREATE TABLE public.chatbot (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    property_id uuid NOT NULL,
    name character varying(255) NOT NULL
);

CREATE TABLE public.conversation (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    chatbot_id uuid NOT NULL,
    user_id uuid,
    start_time timestamp with time zone DEFAULT now(),
    end_time timestamp with time zone,
    is_qualified boolean DEFAULT false,
    is_book_tour boolean DEFAULT false,
    tour_type character varying(50),
    tour_datetime timestamp without time zone,
    ai_intent_summary text,
    move_in_date date,
    price_range_min numeric(10,2),
    price_range_max numeric(10,2),
    occupants_count integer,
    has_pets boolean,
    pre_qualified boolean DEFAULT false,
    source character varying(100),
    status character varying(50) DEFAULT 'active'::character varying,
    lead_score integer,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now()
);

CREATE VIEW domiq_sync.conversation_property AS
 SELECT c.id AS conversation_id,
    b.property_id
   FROM (public.conversation c
     LEFT JOIN public.chatbot b ON ((b.id = c.chatbot_id)));

CREATE TABLE domiq_sync.daily_total (
    id bigint NOT NULL,
    day date NOT NULL,
    property text NOT NULL,
    sync_direction text,
    sync_status text,
    changes bigint NOT NULL
);

ALTER TABLE domiq_sync.daily_total ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.daily_total_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.delivery (
    change_id uuid NOT NULL,
    seq bigint NOT NULL,
    lane uuid NOT NULL,
    property_id uuid,
    is_head boolean NOT NULL,
    in_turn boolean DEFAULT false NOT NULL,
    state text DEFAULT 'ready'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    postponements integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    lease_token bigint,
    worker text,
    last_outcome text,
    enqueued_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT delivery_state_check CHECK ((state = ANY (ARRAY['ready'::text, 'in_flight'::text, 'unknown'::text, 'waiting'::text])))
);

CREATE TABLE domiq_sync.divergence (
    conversation_id uuid NOT NULL,
    property_id uuid NOT NULL,
    first_seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE domiq_sync.domiq_status_map (
    property_id uuid,
    domiq_status text NOT NULL,
    lead_status text NOT NULL,
    event_type text NOT NULL,
    id bigint NOT NULL,
    CONSTRAINT domiq_status_map_lead_status_check CHECK ((lead_status = ANY (ARRAY['new'::text, 'contacted'::text, 'qualified'::text, 'tour_scheduled'::text, 'application'::text, 'leased'::text, 'lost'::text])))
);

ALTER TABLE domiq_sync.domiq_status_map ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.domiq_status_map_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.integration (
    property_id uuid NOT NULL,
    resman_account_id text NOT NULL,
    resman_property_id text NOT NULL,
    partition_key text NOT NULL,
    sync_enabled boolean DEFAULT true NOT NULL,
    sync_direction text DEFAULT 'both'::text NOT NULL,
    conflict_policy text DEFAULT 'resman_wins'::text NOT NULL,
    agent_id text,
    source_id text,
    lost_reason_id text,
    time_zone text,
    connected_at timestamp with time zone DEFAULT now() NOT NULL,
    enabled_at timestamp with time zone,
    CONSTRAINT integration_conflict_policy_check CHECK ((conflict_policy = ANY (ARRAY['resman_wins'::text, 'domiq_wins'::text, 'furthest_progress'::text, 'manual_review'::text]))),
    CONSTRAINT integration_resman_account_id_check CHECK ((resman_account_id <> ''::text)),
    CONSTRAINT integration_resman_property_id_check CHECK ((resman_property_id <> ''::text)),
    CONSTRAINT integration_sync_direction_check CHECK ((sync_direction = ANY (ARRAY['both'::text, 'to_resman'::text, 'from_resman'::text])))
);

COMMENT ON COLUMN domiq_sync.integration.agent_id IS 'An agentId (v1 GetEmployees.ID)';

COMMENT ON COLUMN domiq_sync.integration.source_id IS 'A transactionSourceId (v1 GetProspectSources.ID)';

COMMENT ON COLUMN domiq_sync.integration.time_zone IS 'IANA name; DomIQ''s tour times are read in it';

CREATE TABLE domiq_sync.lead_link (
    conversation_id uuid NOT NULL,
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    person_id text,
    is_current boolean DEFAULT true NOT NULL,
    linked_by text NOT NULL,
    linked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    agreed_domiq_status text,
    agreed_resman_status text,
    agreed_at timestamp with time zone,
    CONSTRAINT lead_link_linked_by_check CHECK ((linked_by = ANY (ARRAY['stored_id'::text, 'email'::text, 'phone'::text, 'name'::text, 'created'::text, 'manual'::text])))
);

CREATE SEQUENCE domiq_sync.lease_token
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE domiq_sync.link_decision (
    id bigint NOT NULL,
    property_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    user_id uuid,
    prospect_id text NOT NULL,
    verdict text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT link_decision_verdict_check CHECK ((verdict = ANY (ARRAY['same'::text, 'never'::text])))
);

ALTER TABLE domiq_sync.link_decision ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.link_decision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.link_question (
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    kind text DEFAULT 'several_people'::text NOT NULL,
    reason text NOT NULL,
    candidates integer NOT NULL,
    prospect_ids text[] DEFAULT '{}'::text[] NOT NULL,
    conversation_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    closed_at timestamp with time zone,
    resolution text
);

CREATE TABLE domiq_sync.missing_lead (
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    missed_reads integer DEFAULT 1 NOT NULL,
    first_missed_at timestamp with time zone NOT NULL,
    last_missed_at timestamp with time zone NOT NULL,
    found_by_id_at timestamp with time zone
);

CREATE TABLE domiq_sync.notification (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    property_id uuid,
    change_id uuid,
    preference_id uuid,
    rule_id uuid,
    alert_id uuid,
    dedup_key text,
    channel text NOT NULL,
    recipient text NOT NULL,
    template_id text,
    urgent boolean DEFAULT false NOT NULL,
    is_digest boolean DEFAULT false NOT NULL,
    digest_id uuid,
    subject text NOT NULL,
    body text NOT NULL,
    state text NOT NULL,
    state_reason text,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    lease_token bigint,
    worker text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    sending_at timestamp with time zone,
    settled_at timestamp with time zone,
    retried_at timestamp with time zone,
    read_at timestamp with time zone,
    CONSTRAINT notification_channel_check CHECK ((channel = ANY (ARRAY['email'::text, 'sms'::text, 'slack'::text, 'in_app'::text, 'operator'::text]))),
    CONSTRAINT notification_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'in_flight'::text, 'delivered'::text, 'undeliverable'::text, 'unknown'::text, 'digested'::text, 'suppressed'::text])))
);

CREATE TABLE domiq_sync.notification_settings (
    property_id uuid NOT NULL,
    quiet_from time without time zone,
    quiet_until time without time zone,
    quiet_channels text[] DEFAULT '{email,sms,slack}'::text[] NOT NULL,
    urgent_breaks_quiet boolean DEFAULT true NOT NULL,
    most_single integer DEFAULT 5 NOT NULL,
    window_minutes integer DEFAULT 15 NOT NULL,
    CONSTRAINT notification_settings_check CHECK (((quiet_from IS NULL) = (quiet_until IS NULL))),
    CONSTRAINT notification_settings_most_single_check CHECK ((most_single >= 1)),
    CONSTRAINT notification_settings_window_minutes_check CHECK ((window_minutes >= 1))
);

CREATE TABLE domiq_sync.pull (
    id bigint NOT NULL,
    property_id uuid NOT NULL,
    full_read boolean NOT NULL,
    modified_since timestamp with time zone NOT NULL,
    overlap_seconds double precision,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    requests integer DEFAULT 1 NOT NULL,
    fetched integer NOT NULL,
    unchanged integer DEFAULT 0 NOT NULL,
    stored integer NOT NULL,
    silent integer DEFAULT 0 NOT NULL,
    linked integer NOT NULL,
    late_seconds double precision DEFAULT 0 NOT NULL,
    missing integer DEFAULT 0 NOT NULL,
    vanished integer DEFAULT 0 NOT NULL,
    distrust text,
    error text
);

ALTER TABLE domiq_sync.pull ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.pull_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.resman_lead (
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    person_id text,
    status text NOT NULL,
    effective_status text NOT NULL,
    last_modified timestamp with time zone,
    last_modified_raw text,
    lost_reason text,
    transaction_source_id text,
    agent_id text,
    lease_status text,
    content_hash text NOT NULL,
    stored_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    read_at timestamp with time zone NOT NULL,
    touched_at timestamp with time zone
);

CREATE TABLE domiq_sync.resman_status_map (
    property_id uuid,
    resman_status text NOT NULL,
    covers text[] NOT NULL,
    sets text NOT NULL,
    id bigint NOT NULL,
    CONSTRAINT resman_status_map_check CHECK ((sets = ANY (covers)))
);

ALTER TABLE domiq_sync.resman_status_map ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.resman_status_map_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.rule_not_held (
    change_id uuid NOT NULL,
    rule_ids uuid[] NOT NULL,
    which integer[] NOT NULL,
    whys text[] NOT NULL
);

CREATE TABLE domiq_sync.rule_run (
    change_id uuid NOT NULL,
    rule_id uuid NOT NULL,
    property_id uuid NOT NULL,
    outcome text NOT NULL,
    why text NOT NULL,
    done jsonb NOT NULL,
    run_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT rule_run_outcome_check CHECK ((outcome = ANY (ARRAY['ran'::text, 'skipped'::text, 'stopped'::text, 'failed'::text, 'invalid'::text])))
);

CREATE VIEW domiq_sync.rule_decision AS
 SELECT rule_run.change_id,
    rule_run.rule_id,
        CASE
            WHEN (rule_run.outcome <> ALL (ARRAY['failed'::text, 'invalid'::text])) THEN true
            ELSE NULL::boolean
        END AS held,
    rule_run.outcome,
    rule_run.why,
    rule_run.done
   FROM domiq_sync.rule_run
UNION ALL
 SELECT n.change_id,
    r.rule_id,
    false AS held,
    'not_held'::text AS outcome,
    n.whys[r.which] AS why,
    '{}'::jsonb AS done
   FROM (domiq_sync.rule_not_held n
     CROSS JOIN LATERAL UNNEST(n.rule_ids, n.which) r(rule_id, which));

COMMENT ON VIEW domiq_sync.rule_decision IS 'What each rule decided about each change that triggered it, why, and what it did';

CREATE TABLE domiq_sync.task (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    kind text NOT NULL,
    property_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    change_id uuid NOT NULL,
    rule_id uuid NOT NULL,
    action integer NOT NULL,
    title text NOT NULL,
    detail text,
    assignee_role text,
    priority text NOT NULL,
    due_at timestamp with time zone,
    time_zone text,
    state text DEFAULT 'open'::text NOT NULL,
    state_changed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT task_kind_check CHECK ((kind = ANY (ARRAY['follow_up'::text, 'task'::text]))),
    CONSTRAINT task_priority_check CHECK ((priority = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text, 'urgent'::text]))),
    CONSTRAINT task_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text, 'cancelled'::text])))
);

COMMENT ON TABLE domiq_sync.task IS 'Follow-ups and tasks that workflow rules made. DomIQ reads the open ones and sets state and state_changed_at; due_at AT TIME ZONE time_zone is when one falls due by the property''s clock';

COMMENT ON COLUMN domiq_sync.task.action IS 'The place of what made it among the effects of its rule, from 1';

CREATE TABLE domiq_sync.threshold (
    id bigint NOT NULL,
    property_id uuid,
    lowest_success_rate double precision,
    most_failures integer,
    least_volume integer,
    least_failures integer,
    window_hours double precision,
    oldest_pending_minutes double precision,
    most_diverged integer,
    diverged_minutes double precision,
    no_pull_minutes double precision,
    no_push_minutes double precision,
    recover_minutes double precision,
    reopen_minutes double precision,
    reminder_hours double precision,
    set_by text,
    set_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT threshold_diverged_minutes_check CHECK (((diverged_minutes >= (0)::double precision) AND (diverged_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_least_failures_check CHECK ((least_failures >= 1)),
    CONSTRAINT threshold_least_volume_check CHECK ((least_volume >= 1)),
    CONSTRAINT threshold_lowest_success_rate_check CHECK (((lowest_success_rate >= (0)::double precision) AND (lowest_success_rate <= (100)::double precision))),
    CONSTRAINT threshold_most_diverged_check CHECK ((most_diverged >= 0)),
    CONSTRAINT threshold_most_failures_check CHECK ((most_failures >= 0)),
    CONSTRAINT threshold_no_pull_minutes_check CHECK (((no_pull_minutes > (0)::double precision) AND (no_pull_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_no_push_minutes_check CHECK (((no_push_minutes > (0)::double precision) AND (no_push_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_oldest_pending_minutes_check CHECK (((oldest_pending_minutes > (0)::double precision) AND (oldest_pending_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_recover_minutes_check CHECK (((recover_minutes >= (0)::double precision) AND (recover_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_reminder_hours_check CHECK (((reminder_hours > (0)::double precision) AND (reminder_hours <= (8760)::double precision))),
    CONSTRAINT threshold_reopen_minutes_check CHECK (((reopen_minutes >= (0)::double precision) AND (reopen_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_window_hours_check CHECK (((window_hours > (0)::double precision) AND (window_hours <= (8760)::double precision)))
);

ALTER TABLE domiq_sync.threshold ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME domiq_sync.threshold_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE domiq_sync.trouble (
    kind text NOT NULL,
    key text NOT NULL,
    property_id uuid NOT NULL,
    sentence text NOT NULL,
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    times integer DEFAULT 1 NOT NULL
);

CREATE SEQUENCE domiq_sync.turn_holder
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE domiq_sync.watermark (
    property_id uuid NOT NULL,
    watermark timestamp with time zone,
    covered_since timestamp with time zone,
    last_pull_at timestamp with time zone,
    last_full_at timestamp with time zone,
    failing_since timestamp with time zone,
    last_error text,
    distrusted_since timestamp with time zone,
    distrust text,
    window_seconds double precision,
    window_reach_seconds double precision
);

CREATE TABLE domiq_sync.worker (
    name text NOT NULL,
    job text NOT NULL,
    run_id text,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.company (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    name character varying(255) NOT NULL,
    created_at timestamp with time zone DEFAULT now()
);

CREATE TABLE public.lead_notification (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    conversation_id uuid,
    property_manager_id uuid,
    notification_type character varying(50),
    status character varying(50),
    sent_at timestamp with time zone,
    read_at timestamp with time zone
);

CREATE TABLE public.message (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    conversation_id uuid NOT NULL,
    sender_type character varying(20),
    message_text text,
    "timestamp" timestamp with time zone DEFAULT now(),
    CONSTRAINT message_sender_type_check CHECK (((sender_type)::text = ANY ((ARRAY['user'::character varying, 'bot'::character varying])::text[])))
);

CREATE TABLE public.property (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    company_id uuid NOT NULL,
    name character varying(255) NOT NULL,
    address character varying(255) NOT NULL,
    city character varying(100) NOT NULL,
    state character varying(50) NOT NULL,
    zip_code character varying(20) NOT NULL,
    property_type character varying(50),
    units_count integer,
    hubspot_property_id character varying(100),
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now()
);

CREATE TABLE public.property_manager (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    company_id uuid NOT NULL,
    first_name character varying(100) NOT NULL,
    last_name character varying(100) NOT NULL,
    email character varying(255),
    phone character varying(50),
    role character varying(50),
    access_level character varying(50)
);

CREATE TABLE public.property_manager_assignment (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    property_id uuid NOT NULL,
    property_manager_id uuid NOT NULL,
    is_primary boolean DEFAULT false,
    start_date date DEFAULT CURRENT_DATE,
    end_date date,
    permissions jsonb,
    notification_preferences jsonb
);

CREATE TABLE public.status_notification_preferences (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    property_id uuid,
    status_type character varying(50),
    notification_method character varying(50),
    recipients jsonb,
    template_id character varying(100),
    is_active boolean DEFAULT true,
    created_at timestamp with time zone DEFAULT now(),
    CONSTRAINT chk_notification_method CHECK (((notification_method)::text = ANY ((ARRAY['email'::character varying, 'sms'::character varying, 'slack'::character varying, 'in_app'::character varying])::text[]))),
    CONSTRAINT status_notification_preferences_notification_method_check CHECK (((notification_method)::text = ANY ((ARRAY['email'::character varying, 'sms'::character varying, 'slack'::character varying, 'in_app'::character varying])::text[])))
);

COMMENT ON TABLE public.status_notification_preferences IS 'Stores notification preferences for status changes';

CREATE TABLE public.status_sync_log (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    conversation_id uuid,
    resman_lead_id character varying(100),
    old_status character varying(50),
    new_status character varying(50),
    status_reason text,
    updated_by character varying(100),
    sync_direction character varying(20),
    sync_status character varying(50),
    context_data jsonb,
    created_at timestamp with time zone DEFAULT now(),
    CONSTRAINT chk_status_sync_direction CHECK (((sync_direction)::text = ANY ((ARRAY['to_resman'::character varying, 'from_resman'::character varying])::text[]))),
    CONSTRAINT chk_status_sync_status CHECK (((sync_status)::text = ANY ((ARRAY['pending'::character varying, 'success'::character varying, 'failed'::character varying])::text[]))),
    CONSTRAINT chk_status_updated_by CHECK (((updated_by)::text = ANY ((ARRAY['chatbot'::character varying, 'resman_user'::character varying, 'system'::character varying])::text[]))),
    CONSTRAINT status_sync_log_sync_direction_check CHECK (((sync_direction)::text = ANY ((ARRAY['to_resman'::character varying, 'from_resman'::character varying])::text[]))),
    CONSTRAINT status_sync_log_sync_status_check CHECK (((sync_status)::text = ANY ((ARRAY['pending'::character varying, 'success'::character varying, 'failed'::character varying])::text[]))),
    CONSTRAINT status_sync_log_updated_by_check CHECK (((updated_by)::text = ANY ((ARRAY['chatbot'::character varying, 'resman_user'::character varying, 'system'::character varying])::text[])))
);

COMMENT ON TABLE public.status_sync_log IS 'Audit log of all status changes and syncs between DomIQ and ResMan';

CREATE VIEW public.status_sync_success_rate AS
 SELECT b.property_id,
    (((count(*) FILTER (WHERE ((ssl.sync_status)::text = 'success'::text)))::double precision / (NULLIF(count(*), 0))::double precision) * (100)::double precision) AS sync_success_rate,
    count(*) FILTER (WHERE ((ssl.sync_status)::text = 'failed'::text)) AS failed_status_updates
   FROM ((public.conversation c
     LEFT JOIN public.chatbot b ON ((b.id = c.chatbot_id)))
     JOIN public.status_sync_log ssl ON ((ssl.conversation_id = c.id)))
  GROUP BY b.property_id;

CREATE TABLE public.status_workflow_rules (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    property_id uuid,
    trigger_status character varying(50),
    target_status character varying(50),
    conditions jsonb,
    actions jsonb,
    is_active boolean DEFAULT true,
    created_at timestamp with time zone DEFAULT now()
);

COMMENT ON TABLE public.status_workflow_rules IS 'Defines workflow rules for status transitions and automation';

CREATE TABLE public."user" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    first_name character varying(100) NOT NULL,
    last_name character varying(100) NOT NULL,
    email character varying(255),
    phone character varying(50),
    lead_source character varying(100),
    created_at timestamp with time zone DEFAULT now()
);

INSERT INTO domiq_sync.alembic_version VALUES
	('0016');

INSERT INTO domiq_sync.channel VALUES
	('email', 200, '-infinity', 0, NULL, NULL),
	('sms', 1000, '-infinity', 0, NULL, NULL),
	('slack', 1100, '-infinity', 0, NULL, NULL),
	('operator', 1000, '-infinity', 0, NULL, NULL),
	('in_app', 0, '-infinity', 0, NULL, NULL);

INSERT INTO domiq_sync.domiq_status_map OVERRIDING SYSTEM VALUE VALUES
	(NULL, 'new', 'new', 'Contact', 1),
	(NULL, 'contacted', 'contacted', 'Contact', 2),
	(NULL, 'qualified', 'qualified', 'Other', 3),
	(NULL, 'tour_scheduled', 'tour_scheduled', 'Appointment', 4),
	(NULL, 'application', 'application', 'Application', 5),
	(NULL, 'leased', 'leased', 'Other', 6),
	(NULL, 'lost', 'lost', 'Cancel', 7),
	(NULL, 'initial_contact', 'new', 'Contact', 8),
	(NULL, 'engaged', 'contacted', 'Contact', 9),
	(NULL, 'follow_up_needed', 'contacted', 'Contact', 10),
	(NULL, 'tour_booked', 'tour_scheduled', 'Appointment', 11),
	(NULL, 'application_started', 'application', 'Application', 12);

INSERT INTO domiq_sync.resman_status_map OVERRIDING SYSTEM VALUE VALUES
	(NULL, 'Prospect', '{new,contacted,qualified,tour_scheduled}', 'contacted', 1),
	(NULL, 'Applicant', '{application}', 'application', 2),
	(NULL, 'Resident', '{leased}', 'leased', 3),
	(NULL, 'Lost', '{lost}', 'lost', 4),
	(NULL, 'Applicant/LeaseSigned', '{leased}', 'leased', 5),
	(NULL, 'Applicant/MovedIn', '{leased}', 'leased', 6),
	(NULL, 'Applicant/Denied', '{application,lost}', 'application', 7),
	(NULL, 'Applicant/Cancelled', '{application,lost}', 'application', 8);

SELECT pg_catalog.setval('domiq_sync.attempt_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.change_seq_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.closed_link_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.daily_total_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.domiq_status_map_id_seq', 12, true);

SELECT pg_catalog.setval('domiq_sync.lease_token', 1, false);

SELECT pg_catalog.setval('domiq_sync.link_decision_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.pull_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.resman_status_map_id_seq', 8, true);

SELECT pg_catalog.setval('domiq_sync.threshold_id_seq', 1, false);

SELECT pg_catalog.setval('domiq_sync.turn_holder', 1, false);

ALTER TABLE ONLY domiq_sync.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (resman_account_id);

ALTER TABLE ONLY domiq_sync.account_turn
    ADD CONSTRAINT account_turn_pkey PRIMARY KEY (resman_account_id, turn);

ALTER TABLE ONLY domiq_sync.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY domiq_sync.alert_complaint
    ADD CONSTRAINT alert_complaint_pkey PRIMARY KEY (notification_id, settled_at);

ALTER TABLE ONLY domiq_sync.alert
    ADD CONSTRAINT alert_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.alert_turn
    ADD CONSTRAINT alert_turn_pkey PRIMARY KEY (alert_id, n);

ALTER TABLE ONLY domiq_sync.alert_watch
    ADD CONSTRAINT alert_watch_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY domiq_sync.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.change
    ADD CONSTRAINT change_pkey PRIMARY KEY (change_id);

ALTER TABLE ONLY domiq_sync.channel
    ADD CONSTRAINT channel_pkey PRIMARY KEY (channel);

ALTER TABLE ONLY domiq_sync.closed_link
    ADD CONSTRAINT closed_link_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.conflict
    ADD CONSTRAINT conflict_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.daily_total
    ADD CONSTRAINT daily_total_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (change_id);

ALTER TABLE ONLY domiq_sync.divergence
    ADD CONSTRAINT divergence_pkey PRIMARY KEY (conversation_id);

ALTER TABLE ONLY domiq_sync.domiq_status_map
    ADD CONSTRAINT domiq_status_map_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.integration
    ADD CONSTRAINT integration_partition_key_key UNIQUE (partition_key);

ALTER TABLE ONLY domiq_sync.integration
    ADD CONSTRAINT integration_pkey PRIMARY KEY (property_id);

ALTER TABLE ONLY domiq_sync.integration
    ADD CONSTRAINT integration_resman_account_id_resman_property_id_key UNIQUE (resman_account_id, resman_property_id);

ALTER TABLE ONLY domiq_sync.lead_link
    ADD CONSTRAINT lead_link_pkey PRIMARY KEY (conversation_id);

ALTER TABLE ONLY domiq_sync.link_decision
    ADD CONSTRAINT link_decision_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.link_question
    ADD CONSTRAINT link_question_pkey PRIMARY KEY (property_id, prospect_id);

ALTER TABLE ONLY domiq_sync.missing_lead
    ADD CONSTRAINT missing_lead_pkey PRIMARY KEY (property_id, prospect_id);

ALTER TABLE ONLY domiq_sync.notification
    ADD CONSTRAINT notification_change_id_preference_id_recipient_key UNIQUE (change_id, preference_id, recipient);

ALTER TABLE ONLY domiq_sync.notification
    ADD CONSTRAINT notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.notification_settings
    ADD CONSTRAINT notification_settings_pkey PRIMARY KEY (property_id);

ALTER TABLE ONLY domiq_sync.pull
    ADD CONSTRAINT pull_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.resman_lead
    ADD CONSTRAINT resman_lead_pkey PRIMARY KEY (property_id, prospect_id);

ALTER TABLE ONLY domiq_sync.resman_status_map
    ADD CONSTRAINT resman_status_map_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.rule_not_held
    ADD CONSTRAINT rule_not_held_pkey PRIMARY KEY (change_id);

ALTER TABLE ONLY domiq_sync.rule_run
    ADD CONSTRAINT rule_run_pkey PRIMARY KEY (change_id, rule_id);

ALTER TABLE ONLY domiq_sync.task
    ADD CONSTRAINT task_change_id_rule_id_action_key UNIQUE (change_id, rule_id, action);

ALTER TABLE ONLY domiq_sync.task
    ADD CONSTRAINT task_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.threshold
    ADD CONSTRAINT threshold_pkey PRIMARY KEY (id);

ALTER TABLE ONLY domiq_sync.trouble
    ADD CONSTRAINT trouble_pkey PRIMARY KEY (kind, property_id, key);

ALTER TABLE ONLY domiq_sync.watermark
    ADD CONSTRAINT watermark_pkey PRIMARY KEY (property_id);

ALTER TABLE ONLY domiq_sync.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.chatbot
    ADD CONSTRAINT chatbot_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.chatbot
    ADD CONSTRAINT chatbot_property_id_key UNIQUE (property_id);

ALTER TABLE ONLY public.company
    ADD CONSTRAINT company_name_key UNIQUE (name);

ALTER TABLE ONLY public.company
    ADD CONSTRAINT company_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.conversation
    ADD CONSTRAINT conversation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.lead_notification
    ADD CONSTRAINT lead_notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.property_manager_assignment
    ADD CONSTRAINT property_manager_assignment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.property_manager
    ADD CONSTRAINT property_manager_email_key UNIQUE (email);

ALTER TABLE ONLY public.property_manager
    ADD CONSTRAINT property_manager_phone_key UNIQUE (phone);

ALTER TABLE ONLY public.property_manager
    ADD CONSTRAINT property_manager_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.property
    ADD CONSTRAINT property_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.status_notification_preferences
    ADD CONSTRAINT status_notification_preferences_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.status_sync_log
    ADD CONSTRAINT status_sync_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.status_workflow_rules
    ADD CONSTRAINT status_workflow_rules_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_email_key UNIQUE (email);

ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_phone_key UNIQUE (phone);

ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_pkey PRIMARY KEY (id);

CREATE INDEX alert_closed ON domiq_sync.alert USING btree (closed_at) WHERE (phase = 'closed'::text);

CREATE UNIQUE INDEX alert_live ON domiq_sync.alert USING btree (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'::uuid), kind) WHERE (phase <> 'closed'::text);

CREATE INDEX attempt_change ON domiq_sync.attempt USING btree (change_id, id);

CREATE INDEX change_conversation ON domiq_sync.change USING btree (conversation_id, seq);

CREATE INDEX change_property ON domiq_sync.change USING btree (property_id, logged_at);

CREATE INDEX change_seq ON domiq_sync.change USING btree (seq);

CREATE INDEX change_unnotified ON domiq_sync.change USING btree (property_id, logged_at, seq) WHERE (notified_at IS NULL);

CREATE INDEX change_unruled ON domiq_sync.change USING btree (property_id, logged_at, seq) WHERE (ruled_at IS NULL);

CREATE INDEX change_unruled_conversation ON domiq_sync.change USING btree (conversation_id, seq) WHERE (ruled_at IS NULL);

CREATE INDEX closed_link_conversation ON domiq_sync.closed_link USING btree (conversation_id, id);

CREATE INDEX closed_link_open ON domiq_sync.closed_link USING btree (property_id) WHERE (relinked_to IS NULL);

CREATE INDEX closed_link_prospect ON domiq_sync.closed_link USING btree (prospect_id);

CREATE UNIQUE INDEX conflict_open ON domiq_sync.conflict USING btree (conversation_id) WHERE (resolved_at IS NULL);

CREATE INDEX daily_total_day ON domiq_sync.daily_total USING btree (day);

CREATE INDEX delivery_due ON domiq_sync.delivery USING btree (property_id, next_attempt_at, seq) WHERE is_head;

CREATE INDEX delivery_lane ON domiq_sync.delivery USING btree (lane, seq);

CREATE UNIQUE INDEX delivery_one_in_flight ON domiq_sync.delivery USING btree (lane) WHERE (state = 'in_flight'::text);

CREATE INDEX delivery_out_of_turn ON domiq_sync.delivery USING btree (lane, seq) WHERE (NOT in_turn);

CREATE INDEX delivery_property ON domiq_sync.delivery USING btree (property_id, enqueued_at);

CREATE INDEX delivery_queued ON domiq_sync.delivery USING btree (lane) WHERE (NOT is_head);

CREATE UNIQUE INDEX domiq_status_map_key ON domiq_sync.domiq_status_map USING btree (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'::uuid), domiq_status);

CREATE UNIQUE INDEX lead_link_current ON domiq_sync.lead_link USING btree (property_id, prospect_id) WHERE is_current;

CREATE INDEX lead_link_prospect ON domiq_sync.lead_link USING btree (property_id, prospect_id);

CREATE INDEX link_decision_property ON domiq_sync.link_decision USING btree (property_id, id);

CREATE INDEX link_question_open ON domiq_sync.link_question USING btree (property_id) WHERE (closed_at IS NULL);

CREATE INDEX notification_alert ON domiq_sync.notification USING btree (alert_id) WHERE (alert_id IS NOT NULL);

CREATE UNIQUE INDEX notification_dedup ON domiq_sync.notification USING btree (dedup_key);

CREATE INDEX notification_digest ON domiq_sync.notification USING btree (digest_id) WHERE (digest_id IS NOT NULL);

CREATE INDEX notification_due ON domiq_sync.notification USING btree (channel, next_attempt_at) WHERE (state = ANY (ARRAY['pending'::text, 'in_flight'::text]));

CREATE INDEX notification_told ON domiq_sync.notification USING btree (channel, recipient, settled_at) WHERE (state = ANY (ARRAY['delivered'::text, 'unknown'::text]));

CREATE INDEX notification_trouble ON domiq_sync.notification USING btree (settled_at) WHERE (state = ANY (ARRAY['undeliverable'::text, 'unknown'::text]));

CREATE INDEX notification_unread ON domiq_sync.notification USING btree (created_at) WHERE ((channel = 'in_app'::text) AND (state = 'delivered'::text) AND (read_at IS NULL));

CREATE INDEX notification_waiting ON domiq_sync.notification USING btree (channel, recipient, next_attempt_at) WHERE (state = 'pending'::text);

CREATE INDEX pull_late ON domiq_sync.pull USING btree (property_id, started_at) WHERE (late_seconds > (0)::double precision);

CREATE INDEX pull_property ON domiq_sync.pull USING btree (property_id, started_at);

CREATE UNIQUE INDEX resman_status_map_key ON domiq_sync.resman_status_map USING btree (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'::uuid), resman_status);

CREATE INDEX rule_run_troubled ON domiq_sync.rule_run USING btree (property_id, run_at) WHERE (outcome = ANY (ARRAY['failed'::text, 'stopped'::text]));

CREATE INDEX task_conversation ON domiq_sync.task USING btree (conversation_id);

CREATE INDEX task_open ON domiq_sync.task USING btree (property_id, due_at) WHERE (state = 'open'::text);

CREATE UNIQUE INDEX threshold_key ON domiq_sync.threshold USING btree (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'::uuid));

CREATE INDEX worker_run ON domiq_sync.worker USING btree (run_id);

CREATE INDEX idx_conversation_chatbot ON public.conversation USING btree (chatbot_id);

CREATE INDEX idx_conversation_user ON public.conversation USING btree (user_id);

CREATE INDEX idx_message_conversation ON public.message USING btree (conversation_id);

CREATE INDEX idx_status_notification_preferences_property ON public.status_notification_preferences USING btree (property_id, status_type);

CREATE INDEX idx_status_sync_log_status ON public.status_sync_log USING btree (new_status, sync_status, created_at);

CREATE INDEX idx_status_workflow_rules_property ON public.status_workflow_rules USING btree (property_id, is_active);

CREATE TRIGGER check_status_map BEFORE INSERT OR UPDATE ON domiq_sync.domiq_status_map FOR EACH ROW EXECUTE FUNCTION domiq_sync.check_status_map();

CREATE TRIGGER check_status_map BEFORE INSERT OR UPDATE ON domiq_sync.resman_status_map FOR EACH ROW EXECUTE FUNCTION domiq_sync.check_status_map();

CREATE TRIGGER fill_integration BEFORE INSERT OR UPDATE ON domiq_sync.integration FOR EACH ROW EXECUTE FUNCTION domiq_sync.fill_integration();

CREATE TRIGGER forget_leads AFTER DELETE ON domiq_sync.integration FOR EACH ROW EXECUTE FUNCTION domiq_sync.forget_leads();

CREATE TRIGGER link_closed AFTER DELETE ON domiq_sync.lead_link FOR EACH ROW EXECUTE FUNCTION domiq_sync.on_link_closed();

CREATE TRIGGER link_stepped_back AFTER UPDATE OF is_current ON domiq_sync.lead_link FOR EACH ROW WHEN ((old.is_current AND (NOT new.is_current))) EXECUTE FUNCTION domiq_sync.on_link_closed();

CREATE TRIGGER note_switching BEFORE UPDATE ON domiq_sync.integration FOR EACH ROW EXECUTE FUNCTION domiq_sync.note_switching();

CREATE TRIGGER status_map_changed AFTER INSERT OR DELETE OR UPDATE ON domiq_sync.resman_status_map FOR EACH ROW EXECUTE FUNCTION domiq_sync.on_status_map_changed();

CREATE TRIGGER conversation_derive_status BEFORE UPDATE ON public.conversation FOR EACH ROW EXECUTE FUNCTION public.conversation_derive_status();

CREATE TRIGGER conversation_notify AFTER UPDATE ON public.conversation FOR EACH ROW EXECUTE FUNCTION public.conversation_notify();

CREATE TRIGGER conversation_touch BEFORE UPDATE ON public.conversation FOR EACH ROW EXECUTE FUNCTION public.conversation_touch();

CREATE TRIGGER domiq_sync_capture_insert AFTER INSERT ON public.conversation FOR EACH ROW WHEN ((new.status IS NOT NULL)) EXECUTE FUNCTION domiq_sync.capture_status();

CREATE TRIGGER domiq_sync_capture_update AFTER UPDATE ON public.conversation FOR EACH ROW WHEN (((old.status)::text IS DISTINCT FROM (new.status)::text)) EXECUTE FUNCTION domiq_sync.capture_status();

CREATE TRIGGER domiq_sync_change_logged AFTER INSERT ON public.status_sync_log FOR EACH ROW EXECUTE FUNCTION domiq_sync.on_change_logged();

ALTER TABLE ONLY domiq_sync.alert_complaint
    ADD CONSTRAINT alert_complaint_notification_id_fkey FOREIGN KEY (notification_id) REFERENCES domiq_sync.notification(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.alert
    ADD CONSTRAINT alert_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.alert_turn
    ADD CONSTRAINT alert_turn_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES domiq_sync.alert(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.change
    ADD CONSTRAINT change_change_id_fkey FOREIGN KEY (change_id) REFERENCES public.status_sync_log(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.delivery
    ADD CONSTRAINT delivery_change_id_fkey FOREIGN KEY (change_id) REFERENCES public.status_sync_log(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.domiq_status_map
    ADD CONSTRAINT domiq_status_map_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.integration
    ADD CONSTRAINT integration_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.lead_link
    ADD CONSTRAINT lead_link_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversation(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.link_question
    ADD CONSTRAINT link_question_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.missing_lead
    ADD CONSTRAINT missing_lead_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.notification
    ADD CONSTRAINT notification_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.notification_settings
    ADD CONSTRAINT notification_settings_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.pull
    ADD CONSTRAINT pull_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.resman_status_map
    ADD CONSTRAINT resman_status_map_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.rule_not_held
    ADD CONSTRAINT rule_not_held_change_id_fkey FOREIGN KEY (change_id) REFERENCES public.status_sync_log(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.rule_run
    ADD CONSTRAINT rule_run_change_id_fkey FOREIGN KEY (change_id) REFERENCES public.status_sync_log(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.task
    ADD CONSTRAINT task_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversation(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.task
    ADD CONSTRAINT task_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.threshold
    ADD CONSTRAINT threshold_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.trouble
    ADD CONSTRAINT trouble_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY domiq_sync.watermark
    ADD CONSTRAINT watermark_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.chatbot
    ADD CONSTRAINT chatbot_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversation
    ADD CONSTRAINT conversation_chatbot_id_fkey FOREIGN KEY (chatbot_id) REFERENCES public.chatbot(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversation
    ADD CONSTRAINT conversation_user_id_fkey FOREIGN KEY (user_id) REFERENCES public."user"(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.lead_notification
    ADD CONSTRAINT lead_notification_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversation(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.lead_notification
    ADD CONSTRAINT lead_notification_property_manager_id_fkey FOREIGN KEY (property_manager_id) REFERENCES public.property_manager(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversation(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.property
    ADD CONSTRAINT property_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.company(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.property_manager_assignment
    ADD CONSTRAINT property_manager_assignment_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.property_manager_assignment
    ADD CONSTRAINT property_manager_assignment_property_manager_id_fkey FOREIGN KEY (property_manager_id) REFERENCES public.property_manager(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.property_manager
    ADD CONSTRAINT property_manager_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.company(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.status_notification_preferences
    ADD CONSTRAINT status_notification_preferences_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.status_sync_log
    ADD CONSTRAINT status_sync_log_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversation(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.status_workflow_rules
    ADD CONSTRAINT status_workflow_rules_property_id_fkey FOREIGN KEY (property_id) REFERENCES public.property(id) ON DELETE CASCADE;

ALTER TABLE public.chatbot ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.company ENABLE ROW LEVEL SECURITY;

CREATE POLICY company_isolation ON public.chatbot USING ((property_id IN ( SELECT p.id
   FROM public.property p
  WHERE (p.company_id = (current_setting('app.current_company_id'::text, true))::uuid))));

CREATE POLICY company_isolation ON public.company USING ((id = (current_setting('app.current_company_id'::text, true))::uuid));

CREATE POLICY company_isolation ON public.conversation USING ((chatbot_id IN ( SELECT b.id
   FROM (public.chatbot b
     JOIN public.property p ON ((p.id = b.property_id)))
  WHERE (p.company_id = (current_setting('app.current_company_id'::text, true))::uuid))));

CREATE POLICY company_isolation ON public.lead_notification USING ((conversation_id IN ( SELECT c.id
   FROM public.conversation c)));

CREATE POLICY company_isolation ON public.message USING ((conversation_id IN ( SELECT c.id
   FROM public.conversation c)));

CREATE POLICY company_isolation ON public.property USING ((company_id = (current_setting('app.current_company_id'::text, true))::uuid));

ALTER TABLE public.conversation ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.lead_notification ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.message ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.property ENABLE ROW LEVEL SECURITY;

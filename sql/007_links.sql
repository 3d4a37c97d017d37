-- Lead links, and what people decide about them. docs/linking.md has the rules.

-- Which ResMan prospect a conversation belongs to, and the pair of statuses last agreed. Where one lead has several
-- conversations at a property, the newest speaks for it (is_current).
--   agreed_resman_status  '' is none: the lead is decided about anew, as if ResMan had moved
CREATE TABLE domiq_sync.lead_link (
    conversation_id UUID PRIMARY KEY REFERENCES public.conversation (id) ON DELETE CASCADE,
    property_id UUID NOT NULL,
    prospect_id TEXT NOT NULL,
    person_id TEXT,
    is_current BOOLEAN NOT NULL DEFAULT TRUE,
    linked_by TEXT NOT NULL CHECK (linked_by IN ('stored_id', 'email', 'phone', 'name', 'created', 'manual')),
    linked_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    agreed_domiq_status TEXT,
    agreed_resman_status TEXT,
    agreed_at TIMESTAMPTZ
);
CREATE UNIQUE INDEX lead_link_current ON domiq_sync.lead_link (property_id, prospect_id) WHERE is_current;
CREATE INDEX lead_link_prospect ON domiq_sync.lead_link (property_id, prospect_id);

-- Links that are no more, as they were when they were closed.
--   relinked_to  where the prospect was gone from ResMan, the one that the conversation was linked with since; that
--                link goes on from the pair last agreed
CREATE TABLE domiq_sync.closed_link (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id UUID NOT NULL,
    property_id UUID NOT NULL,
    prospect_id TEXT NOT NULL,
    linked_by TEXT NOT NULL,
    linked_at TIMESTAMPTZ NOT NULL,
    agreed_domiq_status TEXT,
    agreed_resman_status TEXT,
    agreed_at TIMESTAMPTZ,
    closed_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    reason TEXT NOT NULL,
    relinked_to TEXT
);
CREATE INDEX closed_link_conversation ON domiq_sync.closed_link (conversation_id, id);
CREATE INDEX closed_link_open ON domiq_sync.closed_link (property_id) WHERE relinked_to IS NULL;
CREATE INDEX closed_link_prospect ON domiq_sync.closed_link (prospect_id);

-- What people decided about links; of several rows about one person and one prospect the last holds. No references: the
-- record outlives the conversation.
CREATE TABLE domiq_sync.link_decision (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    property_id UUID NOT NULL,
    conversation_id UUID NOT NULL,
    user_id UUID,
    prospect_id TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('same', 'never')),
    decided_by TEXT NOT NULL,
    decided_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX link_decision_property ON domiq_sync.link_decision (property_id, id);

-- Link reviews: leads that could not be linked without guessing, and how a person answered. docs/linking.md has the
-- kinds.
CREATE TABLE domiq_sync.link_question (
    property_id UUID NOT NULL REFERENCES public.property (id) ON DELETE CASCADE,
    prospect_id TEXT NOT NULL,
    kind TEXT NOT NULL DEFAULT 'several_people',
    reason TEXT NOT NULL,
    candidates INTEGER NOT NULL,
    prospect_ids TEXT[] NOT NULL DEFAULT '{}',
    conversation_ids UUID[] NOT NULL DEFAULT '{}',
    asked_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    closed_at TIMESTAMPTZ,
    resolution TEXT,
    PRIMARY KEY (property_id, prospect_id)
);
CREATE INDEX link_question_open ON domiq_sync.link_question (property_id) WHERE closed_at IS NULL;

-- Where both sides moved and the policy is manual_review. No foreign key to conversation: a conflict ends on record,
-- also that of a conversation which is deleted.
CREATE TABLE domiq_sync.conflict (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    property_id UUID NOT NULL,
    conversation_id UUID NOT NULL,
    prospect_id TEXT NOT NULL,
    domiq_status TEXT,
    resman_status TEXT NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    resolved_at TIMESTAMPTZ,
    resolution TEXT,
    resolved_by TEXT
);
CREATE UNIQUE INDEX conflict_open ON domiq_sync.conflict (conversation_id) WHERE resolved_at IS NULL;

-- Linked leads whose two statuses disagree with nothing to explain it, since they were first seen so. Without a foreign
-- key: whoever notes them must not fail because a conversation is deleted just then, and the next one forgets it.
CREATE TABLE domiq_sync.divergence (
    conversation_id UUID PRIMARY KEY,
    property_id UUID NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);

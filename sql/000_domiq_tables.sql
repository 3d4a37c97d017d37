-- DomIQ's own tables, as far as the sync touches them: for the embedded demo and for tests only.
-- On a real DomIQ database these exist already and this file is never applied there.
-- It has DomIQ's peculiarities on purpose: no conversation.property_id, row-level security,
-- BEFORE triggers that rewrite the status, an AFTER trigger that notifies.

CREATE TABLE public.company (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    name VARCHAR(255) NOT NULL UNIQUE,
    created_at TIMESTAMPTZ DEFAULT NOW()
);

CREATE TABLE public.property (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    company_id UUID NOT NULL REFERENCES public.company (id) ON DELETE CASCADE,
    name VARCHAR(255) NOT NULL,
    address VARCHAR(255) NOT NULL,
    city VARCHAR(100) NOT NULL,
    state VARCHAR(50) NOT NULL,
    zip_code VARCHAR(20) NOT NULL,
    property_type VARCHAR(50),
    units_count INTEGER,
    hubspot_property_id VARCHAR(100),
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW()
);

CREATE TABLE public.property_manager (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    company_id UUID NOT NULL REFERENCES public.company (id) ON DELETE CASCADE,
    first_name VARCHAR(100) NOT NULL,
    last_name VARCHAR(100) NOT NULL,
    email VARCHAR(255) UNIQUE,
    phone VARCHAR(50) UNIQUE,
    role VARCHAR(50),
    access_level VARCHAR(50)
);

CREATE TABLE public.property_manager_assignment (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    property_id UUID NOT NULL REFERENCES public.property (id) ON DELETE CASCADE,
    property_manager_id UUID NOT NULL REFERENCES public.property_manager (id) ON DELETE CASCADE,
    is_primary BOOLEAN DEFAULT FALSE,
    start_date DATE DEFAULT CURRENT_DATE,
    end_date DATE,
    permissions JSONB,
    notification_preferences JSONB
);

CREATE TABLE public.chatbot (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    property_id UUID NOT NULL UNIQUE REFERENCES public.property (id) ON DELETE CASCADE,
    name VARCHAR(255) NOT NULL
);

CREATE TABLE public."user" (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    first_name VARCHAR(100) NOT NULL,
    last_name VARCHAR(100) NOT NULL,
    email VARCHAR(255) UNIQUE,
    phone VARCHAR(50) UNIQUE,
    lead_source VARCHAR(100),
    created_at TIMESTAMPTZ DEFAULT NOW()
);

CREATE TABLE public.conversation (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    chatbot_id UUID NOT NULL REFERENCES public.chatbot (id) ON DELETE CASCADE,
    user_id UUID REFERENCES public."user" (id) ON DELETE SET NULL,
    start_time TIMESTAMPTZ DEFAULT NOW(),
    end_time TIMESTAMPTZ,
    is_qualified BOOLEAN DEFAULT FALSE,
    is_book_tour BOOLEAN DEFAULT FALSE,
    tour_type VARCHAR(50),
    tour_datetime TIMESTAMP WITHOUT TIME ZONE,
    ai_intent_summary TEXT,
    move_in_date DATE,
    price_range_min NUMERIC(10, 2),
    price_range_max NUMERIC(10, 2),
    occupants_count INTEGER,
    has_pets BOOLEAN,
    pre_qualified BOOLEAN DEFAULT FALSE,
    source VARCHAR(100),
    status VARCHAR(50) DEFAULT 'active',
    lead_score INTEGER,
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW()
);
CREATE INDEX idx_conversation_chatbot ON public.conversation (chatbot_id);
CREATE INDEX idx_conversation_user ON public.conversation (user_id);

CREATE TABLE public.message (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    conversation_id UUID NOT NULL REFERENCES public.conversation (id) ON DELETE CASCADE,
    sender_type VARCHAR(20) CHECK (sender_type IN ('user', 'bot')),
    message_text TEXT,
    "timestamp" TIMESTAMPTZ DEFAULT NOW()
);
CREATE INDEX idx_message_conversation ON public.message (conversation_id);

CREATE TABLE public.lead_notification (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    conversation_id UUID REFERENCES public.conversation (id) ON DELETE CASCADE,
    property_manager_id UUID REFERENCES public.property_manager (id) ON DELETE CASCADE,
    notification_type VARCHAR(50),
    status VARCHAR(50),
    sent_at TIMESTAMPTZ,
    read_at TIMESTAMPTZ
);

CREATE FUNCTION public.conversation_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := NOW();
    RETURN NEW;
END $$;

-- Setting a flag moves the status, though the UPDATE never names the status column.
CREATE FUNCTION public.conversation_derive_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.is_book_tour AND NOT COALESCE(OLD.is_book_tour, FALSE) THEN
        NEW.status := 'tour_scheduled';
    ELSIF NEW.pre_qualified AND NOT COALESCE(OLD.pre_qualified, FALSE) THEN
        NEW.status := 'qualified';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.conversation_notify() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER conversation_derive_status BEFORE UPDATE ON public.conversation
FOR EACH ROW EXECUTE FUNCTION public.conversation_derive_status();
CREATE TRIGGER conversation_touch BEFORE UPDATE ON public.conversation
FOR EACH ROW EXECUTE FUNCTION public.conversation_touch();
CREATE TRIGGER conversation_notify AFTER UPDATE ON public.conversation
FOR EACH ROW EXECUTE FUNCTION public.conversation_notify();

ALTER TABLE public.company ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.property ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatbot ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.conversation ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.message ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.lead_notification ENABLE ROW LEVEL SECURITY;

CREATE POLICY company_isolation ON public.company
USING (id = current_setting('app.current_company_id', true)::uuid);
CREATE POLICY company_isolation ON public.property
USING (company_id = current_setting('app.current_company_id', true)::uuid);
CREATE POLICY company_isolation ON public.chatbot
USING (property_id IN (
    SELECT p.id FROM public.property p
    WHERE p.company_id = current_setting('app.current_company_id', true)::uuid
));
CREATE POLICY company_isolation ON public.conversation
USING (chatbot_id IN (
    SELECT b.id FROM public.chatbot b JOIN public.property p ON p.id = b.property_id
    WHERE p.company_id = current_setting('app.current_company_id', true)::uuid
));
CREATE POLICY company_isolation ON public.message
USING (conversation_id IN (SELECT c.id FROM public.conversation c));
CREATE POLICY company_isolation ON public.lead_notification
USING (conversation_id IN (SELECT c.id FROM public.conversation c));

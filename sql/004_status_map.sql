-- The status map: what DomIQ's and ResMan's words for a status mean. property_id NULL: everywhere; a property's own row
-- wins over it. A row that makes no sense is refused by the triggers of 103_status_map.sql.
--
-- id is the last column, so that a row can be inserted without naming the columns.

-- The lead status that one of DomIQ's words stands for, and the event that is posted for it.
CREATE TABLE domiq_sync.domiq_status_map (
    property_id UUID REFERENCES public.property (id) ON DELETE CASCADE,
    domiq_status TEXT NOT NULL,
    lead_status TEXT NOT NULL CHECK (
        lead_status IN ('new', 'contacted', 'qualified', 'tour_scheduled', 'application', 'leased', 'lost')
    ),
    event_type TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);
CREATE UNIQUE INDEX domiq_status_map_key ON domiq_sync.domiq_status_map (
    COALESCE(property_id, '00000000-0000-0000-0000-000000000000'), domiq_status
);

-- Which lead statuses a ResMan status covers, and which one it sets when it does not cover DomIQ's.
--
-- A ResMan status may carry the lease's milestone behind a slash. Where a milestone has no row, the row of the bare
-- status holds, so only those are shipped that mean something else. A property's own row of a milestone wins over the
-- shipped one, and that over any row of the bare status.
CREATE TABLE domiq_sync.resman_status_map (
    property_id UUID REFERENCES public.property (id) ON DELETE CASCADE,
    resman_status TEXT NOT NULL,
    covers TEXT[] NOT NULL,
    sets TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    CHECK (sets = ANY(covers))
);
CREATE UNIQUE INDEX resman_status_map_key ON domiq_sync.resman_status_map (
    COALESCE(property_id, '00000000-0000-0000-0000-000000000000'), resman_status
);

-- What ships. Sources: DomIQ's product notes for its two vocabularies; MITS event types as ResMan takes them.
INSERT INTO domiq_sync.domiq_status_map (property_id, domiq_status, lead_status, event_type) VALUES
(NULL, 'new', 'new', 'Contact'),
(NULL, 'contacted', 'contacted', 'Contact'),
(NULL, 'qualified', 'qualified', 'Other'),
(NULL, 'tour_scheduled', 'tour_scheduled', 'Appointment'),
(NULL, 'application', 'application', 'Application'),
(NULL, 'leased', 'leased', 'Other'),
(NULL, 'lost', 'lost', 'Cancel'),
(NULL, 'initial_contact', 'new', 'Contact'),
(NULL, 'engaged', 'contacted', 'Contact'),
(NULL, 'follow_up_needed', 'contacted', 'Contact'),
(NULL, 'tour_booked', 'tour_scheduled', 'Appointment'),
(NULL, 'application_started', 'application', 'Application');

INSERT INTO domiq_sync.resman_status_map (property_id, resman_status, covers, sets) VALUES
(NULL, 'Prospect', '{new,contacted,qualified,tour_scheduled}', 'contacted'),
(NULL, 'Applicant', '{application}', 'application'),
(NULL, 'Resident', '{leased}', 'leased'),
(NULL, 'Lost', '{lost}', 'lost'),
(NULL, 'Applicant/LeaseSigned', '{leased}', 'leased'),
(NULL, 'Applicant/MovedIn', '{leased}', 'leased'),
(NULL, 'Applicant/Denied', '{application,lost}', 'application'),
(NULL, 'Applicant/Cancelled', '{application,lost}', 'application');

-- The shipped status map. Rows that a user has changed or added stay as they are.
-- Sources: DomIQ's product notes for its two vocabularies; MITS event types as ResMan takes them.

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
    (NULL, 'application_started', 'application', 'Application')
ON CONFLICT DO NOTHING;

INSERT INTO domiq_sync.resman_status_map (property_id, resman_status, covers, sets) VALUES
    (NULL, 'Prospect', '{new,contacted,qualified,tour_scheduled}', 'contacted'),
    (NULL, 'Applicant', '{application}', 'application'),
    (NULL, 'Resident', '{leased}', 'leased'),
    (NULL, 'Lost', '{lost}', 'lost')
ON CONFLICT DO NOTHING;

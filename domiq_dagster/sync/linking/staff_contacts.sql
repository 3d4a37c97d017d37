-- name: staff
-- DomIQ's managers of the property's company: they try the chatbot out, but are nobody's lead.
SELECT m.email, m.phone FROM public.property_manager m
JOIN public.property p ON p.company_id = m.company_id WHERE p.id = :property_id

-- name: has_managers
-- Not every DomIQ has the table.
SELECT to_regclass('public.property_manager') IS NOT NULL

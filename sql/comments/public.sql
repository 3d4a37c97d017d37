-- What DomIQ's tables and the design's hold, as far as the sync reads them: for its catalogue and docs/tables.md. No
-- migrate runs this file: these tables are DomIQ's, and the design states which comments its own three have. Whoever
-- owns them may run it, in a database that has every table and column here.

COMMENT ON TABLE public.property IS
'DomIQ''s properties';
COMMENT ON COLUMN public.property.id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN public.property.company_id IS -- uuid NOT NULL
'The company that manages it.';
COMMENT ON COLUMN public.property.name IS -- character varying(255) NOT NULL
'What it is called; its partition key is made of this.';
COMMENT ON COLUMN public.property.address IS -- character varying(255) NOT NULL
'Street and number.';
COMMENT ON COLUMN public.property.city IS -- character varying(100) NOT NULL
'City.';
COMMENT ON COLUMN public.property.state IS -- character varying(50) NOT NULL
'State.';
COMMENT ON COLUMN public.property.zip_code IS -- character varying(20) NOT NULL
'ZIP code.';
COMMENT ON COLUMN public.property.property_type IS -- character varying(50)
'Its kind.';
COMMENT ON COLUMN public.property.units_count IS -- integer
'How many homes it has.';
COMMENT ON COLUMN public.property.hubspot_property_id IS -- character varying(100)
'Its id at HubSpot.';
COMMENT ON COLUMN public.property.created_at IS -- timestamp with time zone
'When it was entered.';
COMMENT ON COLUMN public.property.updated_at IS -- timestamp with time zone
'When it was last changed.';

COMMENT ON TABLE public.conversation IS
'DomIQ''s conversations, each with its lead''s status';
COMMENT ON COLUMN public.conversation.id IS -- uuid NOT NULL
'The conversation.';
COMMENT ON COLUMN public.conversation.chatbot_id IS -- uuid NOT NULL
'The chatbot it was led with; it leads to the property.';
COMMENT ON COLUMN public.conversation.user_id IS -- uuid
'The person, whose contact data links the conversation to a lead.';
COMMENT ON COLUMN public.conversation.start_time IS -- timestamp with time zone
'When it began.';
COMMENT ON COLUMN public.conversation.end_time IS -- timestamp with time zone
'When it ended.';
COMMENT ON COLUMN public.conversation.is_qualified IS -- boolean
'Whether the person is qualified.';
COMMENT ON COLUMN public.conversation.is_book_tour IS -- boolean
'Whether a tour was booked.';
COMMENT ON COLUMN public.conversation.tour_type IS -- character varying(50)
'The kind of tour.';
COMMENT ON COLUMN public.conversation.tour_datetime IS -- timestamp without time zone
'When the tour is, by the property''s clock.';
COMMENT ON COLUMN public.conversation.ai_intent_summary IS -- text
'What the person wants, in the chatbot''s words.';
COMMENT ON COLUMN public.conversation.move_in_date IS -- date
'When the person wants to move in.';
COMMENT ON COLUMN public.conversation.price_range_min IS -- numeric(10,2)
'The lowest rent that is asked for.';
COMMENT ON COLUMN public.conversation.price_range_max IS -- numeric(10,2)
'The highest rent that is asked for.';
COMMENT ON COLUMN public.conversation.occupants_count IS -- integer
'How many people would live there.';
COMMENT ON COLUMN public.conversation.has_pets IS -- boolean
'Whether there are pets.';
COMMENT ON COLUMN public.conversation.pre_qualified IS -- boolean
'Whether the person was qualified beforehand.';
COMMENT ON COLUMN public.conversation.source IS -- character varying(100)
'Where the person came from.';
COMMENT ON COLUMN public.conversation.status IS -- character varying(50)
'DomIQ''s status of the lead, kept in step with ResMan''s.';
COMMENT ON COLUMN public.conversation.lead_score IS -- integer
'How promising the lead is; workflow rules may change it.';
COMMENT ON COLUMN public.conversation.created_at IS -- timestamp with time zone
'When it was entered.';
COMMENT ON COLUMN public.conversation.updated_at IS -- timestamp with time zone
'When it was last changed.';

COMMENT ON TABLE public.status_sync_log IS
'Audit log of all status changes and syncs between DomIQ and ResMan';
COMMENT ON COLUMN public.status_sync_log.id IS -- uuid NOT NULL
'The change.';
COMMENT ON COLUMN public.status_sync_log.conversation_id IS -- uuid
'The conversation whose status changed.';
COMMENT ON COLUMN public.status_sync_log.resman_lead_id IS -- character varying(100)
'ResMan''s id of the prospect, once it is known.';
COMMENT ON COLUMN public.status_sync_log.old_status IS -- character varying(50)
'DomIQ''s status before it.';
COMMENT ON COLUMN public.status_sync_log.new_status IS -- character varying(50)
'DomIQ''s status after it.';
COMMENT ON COLUMN public.status_sync_log.status_reason IS -- text
'Why it changed.';
COMMENT ON COLUMN public.status_sync_log.updated_by IS -- character varying(100)
'Who changed it: chatbot, resman_user or system.';
COMMENT ON COLUMN public.status_sync_log.sync_direction IS -- character varying(20)
'to_resman or from_resman.';
COMMENT ON COLUMN public.status_sync_log.sync_status IS -- character varying(50)
'pending until it is settled: success or failed.';
COMMENT ON COLUMN public.status_sync_log.context_data IS -- jsonb
'How it ended, and why.';
COMMENT ON COLUMN public.status_sync_log.created_at IS -- timestamp with time zone
'When it was logged.';

COMMENT ON TABLE public.status_workflow_rules IS
'Defines workflow rules for status transitions and automation';
COMMENT ON COLUMN public.status_workflow_rules.id IS -- uuid NOT NULL
'The rule.';
COMMENT ON COLUMN public.status_workflow_rules.property_id IS -- uuid
'The property that it holds for.';
COMMENT ON COLUMN public.status_workflow_rules.trigger_status IS -- character varying(50)
'The status that triggers it.';
COMMENT ON COLUMN public.status_workflow_rules.target_status IS -- character varying(50)
'The status that it moves the lead to.';
COMMENT ON COLUMN public.status_workflow_rules.conditions IS -- jsonb
'When it applies.';
COMMENT ON COLUMN public.status_workflow_rules.actions IS -- jsonb
'What else it does.';
COMMENT ON COLUMN public.status_workflow_rules.is_active IS -- boolean
'Whether it is in force.';
COMMENT ON COLUMN public.status_workflow_rules.created_at IS -- timestamp with time zone
'When it was entered.';

COMMENT ON TABLE public.status_notification_preferences IS
'Stores notification preferences for status changes';
COMMENT ON COLUMN public.status_notification_preferences.id IS -- uuid NOT NULL
'The preference.';
COMMENT ON COLUMN public.status_notification_preferences.property_id IS -- uuid
'The property that it holds for.';
COMMENT ON COLUMN public.status_notification_preferences.status_type IS -- character varying(50)
'The status that is told of; NULL, *, any or all: every status; sync_alert: alerts.';
COMMENT ON COLUMN public.status_notification_preferences.notification_method IS -- character varying(50)
'email, sms, slack or in_app.';
COMMENT ON COLUMN public.status_notification_preferences.recipients IS -- jsonb
'A JSON list of addresses and roles.';
COMMENT ON COLUMN public.status_notification_preferences.template_id IS -- character varying(100)
'The template; NULL: the shipped one of the status.';
COMMENT ON COLUMN public.status_notification_preferences.is_active IS -- boolean
'Whether it is in force.';
COMMENT ON COLUMN public.status_notification_preferences.created_at IS -- timestamp with time zone
'When it was entered.';

COMMENT ON VIEW public.status_sync_success_rate IS
'How well the changes of each property succeeded, over all that it ever had';
COMMENT ON COLUMN public.status_sync_success_rate.property_id IS -- uuid
'The property.';
COMMENT ON COLUMN public.status_sync_success_rate.sync_success_rate IS -- double precision
'How many percent of all its changes succeeded.';
COMMENT ON COLUMN public.status_sync_success_rate.failed_status_updates IS -- bigint
'How many of them failed.';

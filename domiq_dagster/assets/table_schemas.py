"""The columns of the tables behind the assets, each with what it holds, for the catalogue. Plain statements,
since the definitions load where there is no database; a test holds them against the tables themselves, in
their order, with types, NOT NULL and comments. Whoever changes a table in `sql/` changes it here.
"""

import dagster as dg

_REQUIRED = dg.TableColumnConstraints(nullable=False)
_MOMENT = "timestamp with time zone"


def _column(name: str, kind: str, description: str) -> dg.TableColumn:
    return dg.TableColumn(name, kind, description)


def _required(name: str, kind: str, description: str) -> dg.TableColumn:
    return dg.TableColumn(name, kind, description, constraints=_REQUIRED)


_PROPERTY = dg.TableSchema(
    [
        _required("id", "uuid", "The property."),
        _required("company_id", "uuid", "The company that manages it."),
        _required("name", "character varying(255)", "What it is called; its partition key is made of this."),
        _required("address", "character varying(255)", "Street and number."),
        _required("city", "character varying(100)", "City."),
        _required("state", "character varying(50)", "State."),
        _required("zip_code", "character varying(20)", "ZIP code."),
        _column("property_type", "character varying(50)", "Its kind."),
        _column("units_count", "integer", "How many homes it has."),
        _column("hubspot_property_id", "character varying(100)", "Its id at HubSpot."),
        _column("created_at", _MOMENT, "When it was entered."),
        _column("updated_at", _MOMENT, "When it was last changed."),
    ]
)
_CONVERSATION = dg.TableSchema(
    [
        _required("id", "uuid", "The conversation."),
        _required("chatbot_id", "uuid", "The chatbot it was led with; it leads to the property."),
        _column("user_id", "uuid", "The person, whose contact data links the conversation to a lead."),
        _column("start_time", _MOMENT, "When it began."),
        _column("end_time", _MOMENT, "When it ended."),
        _column("is_qualified", "boolean", "Whether the person is qualified."),
        _column("is_book_tour", "boolean", "Whether a tour was booked."),
        _column("tour_type", "character varying(50)", "The kind of tour."),
        _column("tour_datetime", "timestamp without time zone", "When the tour is, by the property's clock."),
        _column("ai_intent_summary", "text", "What the person wants, in the chatbot's words."),
        _column("move_in_date", "date", "When the person wants to move in."),
        _column("price_range_min", "numeric(10,2)", "The lowest rent that is asked for."),
        _column("price_range_max", "numeric(10,2)", "The highest rent that is asked for."),
        _column("occupants_count", "integer", "How many people would live there."),
        _column("has_pets", "boolean", "Whether there are pets."),
        _column("pre_qualified", "boolean", "Whether the person was qualified beforehand."),
        _column("source", "character varying(100)", "Where the person came from."),
        _column("status", "character varying(50)", "DomIQ's status of the lead, kept in step with ResMan's."),
        _column("lead_score", "integer", "How promising the lead is; workflow rules may change it."),
        _column("created_at", _MOMENT, "When it was entered."),
        _column("updated_at", _MOMENT, "When it was last changed."),
    ]
)
_LOG = dg.TableSchema(
    [
        _required("id", "uuid", "The change."),
        _column("conversation_id", "uuid", "The conversation whose status changed."),
        _column("resman_lead_id", "character varying(100)", "ResMan's id of the prospect, once it is known."),
        _column("old_status", "character varying(50)", "DomIQ's status before it."),
        _column("new_status", "character varying(50)", "DomIQ's status after it."),
        _column("status_reason", "text", "Why it changed."),
        _column("updated_by", "character varying(100)", "Who changed it: chatbot, resman_user or system."),
        _column("sync_direction", "character varying(20)", "to_resman or from_resman."),
        _column("sync_status", "character varying(50)", "pending until it is settled: success or failed."),
        _column("context_data", "jsonb", "How it ended, and why."),
        _column("created_at", _MOMENT, "When it was logged."),
    ]
)
_SUCCESS_RATE = dg.TableSchema(
    [
        _column("property_id", "uuid", "The property."),
        _column("sync_success_rate", "double precision", "How many percent of all its changes succeeded."),
        _column("failed_status_updates", "bigint", "How many of them failed."),
    ]
)
_LEAD = dg.TableSchema(
    [
        _required("property_id", "uuid", "The property, by DomIQ's id."),
        _required("prospect_id", "text", "The prospect, by ResMan's id."),
        _column("person_id", "text", "The person, by ResMan's id."),
        _required("status", "text", "ResMan's status: Prospect, Applicant, Resident, Lost, ..."),
        _required(
            "effective_status", "text", "The status with the lease's milestone behind a slash, if any."
        ),
        _column("last_modified", _MOMENT, "When ResMan says that it last changed."),
        _column("last_modified_raw", "text", "The same as it came."),
        _column("lost_reason", "text", "Why it was lost."),
        _column("transaction_source_id", "text", "ResMan's id of where it came from."),
        _column("agent_id", "text", "ResMan's id of its leasing agent."),
        _column("lease_status", "text", "The milestone of its lease."),
        _required("content_hash", "text", "Of the prospect as it came; empty: unknown."),
        _required("stored_at", _MOMENT, "When it was last written here."),
        _required("read_at", _MOMENT, "When the pull began that brought it."),
        _column("touched_at", _MOMENT, "When we last changed it at ResMan ourselves."),
        _column("posted_at", _MOMENT, "When a post of ours last moved it."),
    ]
)
_ATTEMPT = dg.TableSchema(
    [
        _required("id", "bigint", "The request, in the order in which they were made."),
        _required("change_id", "uuid", "The change that was to get to ResMan."),
        _required("lease_token", "bigint", "The fencing token of the lease under which it was made."),
        _required("worker", "text", "The worker that made it."),
        _required("action", "text", "What was tried: a search, a post, a read-back, ..."),
        _required("outcome", "text", "How it ended."),
        _column("detail", "jsonb", "What ResMan said, without contact data."),
        _required("started_at", _MOMENT, "When it began."),
        _required("duration_ms", "integer", "How long it took."),
    ]
)
_RULE_DECISION = dg.TableSchema(
    [
        _column("change_id", "uuid", "The change that triggered the rule."),
        _column("rule_id", "uuid", "The rule."),
        _column("held", "boolean", "Whether its conditions held; empty: they could not be asked."),
        _column("outcome", "text", "ran, skipped, stopped, failed, invalid or not_held."),
        _column("why", "text", "Why."),
        _column("done", "jsonb", "What it did, counted."),
    ]
)
_NOTIFICATION = dg.TableSchema(
    [
        _required("id", "uuid", "The notice."),
        _column("property_id", "uuid", "The property that it is about."),
        _column("change_id", "uuid", "The change that it tells of."),
        _column("preference_id", "uuid", "The preference that asked for it."),
        _column("rule_id", "uuid", "The workflow rule that asked for it."),
        _column("alert_id", "uuid", "The alert that it tells of."),
        _column("dedup_key", "text", "Of two notices with the same one the second is not written."),
        _required("channel", "text", "email, sms, slack, in_app or operator."),
        _required("recipient", "text", "An address, or a role that becomes addresses when it is sent."),
        _column("template_id", "text", "The template that was asked for."),
        _required("urgent", "boolean", "Whether it may break quiet hours."),
        _required("is_digest", "boolean", "Whether it tells of several at once."),
        _column("digest_id", "uuid", "The digest that tells of it instead."),
        _required("subject", "text", "Empty where it is put in words when it is sent."),
        _required("body", "text", "Empty where it is put in words when it is sent."),
        _required("state", "text", "pending or in_flight; then how it ended."),
        _column("state_reason", "text", "Why it ended so."),
        _required("attempts", "integer", "How often it was tried."),
        _required("next_attempt_at", _MOMENT, "When it may be claimed; in flight: when the lease ends."),
        _column("lease_token", "bigint", "The fencing token of whoever sends it."),
        _column("worker", "text", "Who sends it."),
        _required("created_at", _MOMENT, "When it was written."),
        _column("sending_at", _MOMENT, "When its channel was last asked."),
        _column("settled_at", _MOMENT, "When it ended."),
        _column("retried_at", _MOMENT, "When somebody asked for it again."),
        _column("read_at", _MOMENT, "When somebody read it in DomIQ."),
        _column("report_id", "uuid", "The page of the report that goes with it."),
    ]
)
_DAILY_FIGURE = dg.TableSchema(
    [
        _required("day", "date", "The UTC day."),
        _required("property", "text", "The property, by its partition key."),
        _required("sync_direction", "text", "to_resman or from_resman; empty where the log says none."),
        _required("changes", "bigint", "How many changes were logged."),
        _required("success", "bigint", "Those of them that succeeded."),
        _required("failed", "bigint", "Those that failed."),
        _required("pending", "bigint", "Those that were pending when the day was counted."),
        _column("success_rate", "double precision", "Percent of those that succeeded or failed."),
        _required("timed", "bigint", "Those that got to ResMan, and it is on record when."),
        _column(
            "latency_p50", "double precision", "Seconds from logging until settled: half took no longer."
        ),
        _column("latency_p95", "double precision", "The same: 95 of 100 took no longer."),
        _required("within_10s", "bigint", "Those at ResMan within 10 seconds."),
        _required("within_1min", "bigint", "Those at ResMan within a minute."),
        _required("funnel", "jsonb", "How many leads came to each lead status."),
        _required("moves", "jsonb", "How many moves there were from each lead status to each other one."),
        _required("time_in_status", "jsonb", "How many leads left a status, and how long they had had it."),
        _required("reasons", "jsonb", "How many changes failed of what."),
        _column("requests", "bigint", "Requests to the API that is written (to_resman), and read."),
        _required("throttled", "bigint", "Requests that ResMan turned away, having too many."),
    ]
)

COMMENTS = {
    "public.status_sync_log": "Audit log of all status changes and syncs between DomIQ and ResMan",
    "domiq_sync.rule_decision": "What each rule decided about each change that triggered it, why, and what "
    "it did",
    "domiq_sync.daily_figure": "The figures of each UTC day by property and direction: docs/report.md",
}
"""What the database itself says of these tables (COMMENT ON), by name with schema. The others have none."""

SCHEMAS = {
    "public.property": _PROPERTY,
    "public.conversation": _CONVERSATION,
    "public.status_sync_log": _LOG,
    "public.status_sync_success_rate": _SUCCESS_RATE,
    "domiq_sync.resman_lead": _LEAD,
    "domiq_sync.attempt": _ATTEMPT,
    "domiq_sync.rule_decision": _RULE_DECISION,
    "domiq_sync.notification": _NOTIFICATION,
    "domiq_sync.daily_figure": _DAILY_FIGURE,
}
"""By name with schema."""

"""What workers, sensors and checks ask often reads no big table whole, on a log of 200,000 rows.

EXPLAIN is asked twice for each query: for its first run, and as a long-lived session would run it, after
PostgreSQL has had the chance to settle on a generic plan (psycopg prepares what it has run five times).
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.db.sqlfile import read_queries
from tests.fixtures.domiq_shapes import Connection, migrated, rows, run, value

PROPERTIES, CONVERSATIONS, CHANGES, PENDING = 20, 40_000, 200_000, 20_000
BIG = {
    *("status_sync_log", "change", "delivery", "lead_link", "conversation", "resman_lead"),
    *("user", "notification"),
}
LOADED = f"""
SET session_replication_role = replica;  -- no triggers and no checks of references: only to load fast
INSERT INTO company (name) VALUES ('Sample Homes');
INSERT INTO property (company_id, name, address, city, state, zip_code)
    SELECT id, 'Court ' || n, '1 Sample Street', 'Sampleton', 'TX', '00000'
    FROM company, generate_series(1, {PROPERTIES}) n;
INSERT INTO chatbot (property_id, name) SELECT id, name FROM property;
INSERT INTO domiq_sync.account (resman_account_id) VALUES ('400');
INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id, partition_key)
    SELECT id, '400', id::text, name FROM property;
INSERT INTO domiq_sync.watermark (property_id, last_pull_at) SELECT id, NOW() FROM property;
INSERT INTO "user" (first_name, last_name, email)
    SELECT 'Ann', 'Example', 'ann' || n || '@example.com' FROM generate_series(1, {CONVERSATIONS}) n;
CREATE TEMP TABLE numbered AS
    SELECT u.n, u.id AS user_id, b.id AS chatbot_id, b.property_id, gen_random_uuid() AS conversation_id
    FROM (SELECT row_number() OVER (ORDER BY id) AS n, id FROM "user") u
    JOIN (SELECT row_number() OVER (ORDER BY id) AS n, id, property_id FROM chatbot) b
      ON b.n = u.n % {PROPERTIES} + 1;
INSERT INTO conversation (id, chatbot_id, user_id, status, created_at)
    SELECT conversation_id, chatbot_id, user_id, 'contacted', NOW() - n * interval '1 minute' FROM numbered;
INSERT INTO domiq_sync.resman_lead (property_id, prospect_id, status, effective_status, content_hash, read_at)
    SELECT property_id, 'prospect-' || n, 'Prospect', 'Prospect', md5(n::text), NOW() FROM numbered;
INSERT INTO domiq_sync.lead_link (conversation_id, property_id, prospect_id, linked_by, agreed_domiq_status,
                                  agreed_resman_status)
    SELECT conversation_id, property_id, 'prospect-' || n, 'email', 'contacted', 'Prospect' FROM numbered;
CREATE TEMP TABLE logged AS
    SELECT lpad(to_hex(s.n), 32, '0')::uuid AS id, k.conversation_id, k.property_id, s.n,
           NOW() - ({CHANGES} - s.n) * interval '1 minute' AS at,
           CASE WHEN s.n > {CHANGES - PENDING} THEN 'pending'
                WHEN s.n % 50 = 0 THEN 'failed' ELSE 'success' END AS sync_status
    FROM generate_series(1, {CHANGES}) s(n) JOIN numbered k ON k.n = s.n % {CONVERSATIONS} + 1;
INSERT INTO status_sync_log (id, conversation_id, old_status, new_status, updated_by, sync_direction,
                             sync_status, context_data, created_at)
    SELECT id, conversation_id, 'new', 'contacted', 'chatbot', 'to_resman', sync_status,
           '{{"sync": {{"outcome": "sent"}}}}', at FROM logged ORDER BY n;
INSERT INTO domiq_sync.change (change_id, conversation_id, property_id, logged_at)
    SELECT id, conversation_id, property_id, at FROM logged ORDER BY n;
INSERT INTO domiq_sync.delivery (change_id, seq, lane, property_id, is_head, next_attempt_at)
    SELECT c.change_id, c.seq, c.conversation_id, c.property_id, l.n % 7 > 0,
           NOW() + (l.n % 3 - 1) * interval '1 hour'
    FROM domiq_sync.change c JOIN logged l ON l.id = c.change_id WHERE sync_status = 'pending';
UPDATE domiq_sync.integration SET connected_at = NOW() - interval '1 year';
INSERT INTO domiq_sync.notification (property_id, change_id, channel, recipient, subject, body, dedup_key,
                                     state, created_at, settled_at, next_attempt_at, read_at)
    SELECT l.property_id, l.id, (ARRAY['email', 'sms', 'slack', 'in_app'])[l.n % 4 + 1],
           'someone' || l.n % 40 || '@staff.example', '', '', l.id::text,
           CASE WHEN l.n > {CHANGES} - 300 THEN 'pending' WHEN l.n % 500 = 0 THEN 'undeliverable'
                ELSE 'delivered' END, l.at, l.at, l.at, CASE WHEN l.n < {CHANGES} - 2000 THEN l.at END
    FROM logged l;
UPDATE domiq_sync.change SET notified_at = NOW(), ruled_at = NOW() WHERE seq <= {CHANGES} - 200;
SET session_replication_role = origin;
ANALYZE;
"""


@pytest.fixture(scope="module")
def loaded(pg_server: EmbeddedServer) -> Iterator[Connection]:
    """A connection, which never commits, to a DomIQ database with a long history."""
    pg_server.ensure_database("query_plans")
    url = pg_server.url("query_plans")
    migrated(url)
    run(url, LOADED)
    with psycopg.connect(url) as connection:
        yield connection


@pytest.fixture(scope="module")
def parameters(loaded: Connection) -> dict[str, Any]:
    """A value for each parameter of the queries: those of one pending change that is there."""
    change_id, lane, property_id = rows(
        loaded, "SELECT change_id, lane, property_id FROM domiq_sync.delivery ORDER BY seq LIMIT 1"
    )[0]
    user_id = value(loaded, "SELECT user_id FROM conversation WHERE id = %s", [lane])
    prospect = value(
        loaded, "SELECT prospect_id FROM domiq_sync.lead_link WHERE conversation_id = %s", [lane]
    )
    return {
        "change_id": change_id,
        "enqueued_at": "2026-01-02 03:04:05+00",
        "lane": lane,
        "conversation_id": lane,
        "property_id": property_id,
        "property_ids": [property_id],
        "account_id": None,
        "user_id": user_id,
        "user_ids": [user_id],
        "prospect_id": prospect,
        "person_id": "a-person",
        "linked_by": "email",
        "post": "MITS/PostLeadManagement4_0",
        "reason": "a reason",
        "kind": "several_people",
        "candidates": 2,
        "own_change": None,
        "unless_moved": True,
        "pairs": json.dumps([{"id": str(lane), "domiq": "contacted", "resman": "Prospect", "person": None}]),
        "lanes": [lane],
        "prospect_ids": [prospect],
        "conversation_ids": [lane],
        "resolution": "decided",
        "by": "somebody",
        "agreed_domiq_status": "new",
        "status_reason": "none",
        "lost_reason": None,
        "context": "{}",
        "how": "a test",
        "lease_token": 1,
        "lease_seconds": 60.0,
        "limit": 1,
        "ours": False,
        "known_since": None,
        "undated": False,
        "off": False,
        "outbound": True,
        "window_seconds": 900.0,
        "remembered_seconds": 86400.0,
        "ids": json.dumps([prospect]),
        "marks": json.dumps([""]),
        "a": "400",
        "slot": 0,
        "epoch": 0,
        "key": "a lock",
        "holder": 1,
        "longest": 45.0,
        "due_from": "-infinity",
        "carefully": False,
        "tried": "[]",
        "settlements": "[]",
        "change_ids": [change_id],
        "lease_tokens": [1],
        "worker": "a worker",
        "state": "waiting",
        "outcome": "unreachable",
        "counted": 0,
        "seconds": 5.0,
        "sync_status": "success",
        "explanation": "{}",
        "status": "Prospect",
        "effective_status": "Prospect",
        "new_status": "lost",
        "most": 500,
        "skipped": sql.Literal([]),
        "max_age_seconds": 900.0,
        "max_full_age_seconds": 90_000.0,
        "channel": "email",
        "recipient": "someone3@staff.example",
        "id": change_id,
        "hours": 24,
        "times": 5,
        "window_minutes": 15,
        "most_single": 5,
        "urgent": False,
        "urgent_breaks": True,
        "until": "2000-01-01",
        "most_hours": 24,
        "all_undeliverable": True,
        "domiq_status": "contacted",
        "resman_status": "Prospect",
    }


def queries(file: str, *names: str) -> list[tuple[str, str]]:
    return [(file, name) for name in names]


HOT = [
    *queries("queue/queue.sql", "due_properties", "extend_leases", "keep_claim", "earlier_claim", "postpone"),
    *queries("queue/lanes.sql", "lock", "lock_free", "count", "is_under_way", "wake", "wake_property"),
    *queries("queue/lanes.sql", "supersede_open", "doubt", "heal_heads", "expire_leases"),
    *queries("queue/changes.sql", "adopt", "properties_of", "no_news", "no_rules_for_the_past"),
    *queries("account_gate.sql", "enter", "release"),
    *queries("delivery/pending_change.sql", "load", "being_created", "created_lately"),
    *queries("delivery/lead_posts.sql", "known", "in_doubt"),
    *queries("delivery/lead_state.sql", "upsert_lead", "note_moved"),
    *queries("decisions/apply.sql", "moved_leads", "moved_lead", "lock_conversation", "set_status"),
    *queries("queue/change_log.sql", "log_inbound", "log_outbound"),
    *queries("decisions/conflict_store.sql", "open", "close"),
    *queries("repair/conflicts.sql", "lock_conflict", "property_of_conflict"),
    *queries("repair/link_review.sql", "lock_conversation"),
    *queries("pull/record.sql", "begin"),
    *queries("pull/staging.sql", "changed"),
    *queries("linking/store.sql", "step_back", "link", "unlink", "unlink_lead", "speak_anew", "agree"),
    *queries("linking/store.sql", "note_resman_moved", "lock_conversations", "count_links"),
    *queries("linking/link_state.sql", "leads_of_users", "links_to"),
    *queries("linking/reviews.sql", "open_review", "close_moot", "decisions"),
    *queries("monitoring/backlog.sql", "queues", "recent_work", "not_connected", "queue_depth"),
    *queries("monitoring/gaps.sql", "gaps"),
    *queries("queue/notified_changes.sql", "lock_unnotified"),
    *queries("notifications/claims.sql", "claim", "mark_sending", "settle", "postpone", "give_up_lapsed"),
    *queries("notifications/claims.sql", "clear_old_texts"),
    *queries("notifications/channel_state.sql", "due_channels"),
    *queries("notifications/bursts.sql", "recently_sent", "postpone_address", "postpone_property", "gather"),
    *queries("notifications/bursts.sql", "crowded_in_app", "gather_in_app"),
    *queries("notifications/facts.sql", "change_facts"),
    *queries("notifications/content.sql", "digest_counts", "digest_first"),
    *queries("notifications/status.sql", "undelivered", "undelivered_counts", "due"),
]


def asked_in(file: str) -> dict[str, str]:
    """The queries of a file of the engine's, by its path."""
    room, _, name = file.rpartition("/")
    return read_queries(".".join(filter(None, ("domiq_dagster.sync", room.replace("/", ".")))), name)


@pytest.mark.parametrize(("file", "name"), HOT)
def test_a_hot_query_reads_no_big_table_whole(
    loaded: Connection, parameters: Mapping[str, Any], file: str, name: str
) -> None:
    query = asked_in(file)[name]
    for plan in first_and_settled_plan(loaded, query, parameters):
        assert whole_reads(loaded, plan) == []


@pytest.mark.parametrize(
    ("file", "name"),
    [
        *queries(
            "queue/ruled_changes.sql", "claim_conversations", "captured_move", "link_move", "mark_ruled"
        ),
        *queries("rules/store.sql", "due_properties", "rules"),
        *queries("rules/changes.sql", "unruled_changes", "logged_changes", "first_unruled", "count_messages"),
        *queries("rules/batch.sql", "ran_in_chains"),
        *queries("rules/execute.sql", "move"),
        *queries("rules/check.sql", "unruled", "troubles"),
    ],
)
def test_the_rules_look_at_new_changes_without_reading_the_history(
    loaded: Connection, parameters: Mapping[str, Any], file: str, name: str
) -> None:
    given = {
        **parameters,
        "ids": [parameters["change_id" if name not in ("unruled", "due_properties") else "property_id"]],
        "connected_at": "2020-01-01T00:00:00Z",
        "since": datetime.now(UTC) - timedelta(minutes=5),
        "skipped": [uuid.uuid4()],
        "conversations": [parameters["lane"]],
        "times": ["2026-01-01T00:00:00Z"],
        "causes": [None],
        "depths": [0],
        "depth": 1,
        "caused_by": parameters["change_id"],
        "rule_id": uuid.uuid4(),
        "last_seq": 1,
        "status": "qualified",
        "target": "qualified",
        "moved_from": "contacted",
        "after": 0,
        "open_only": False,
    }
    query = asked_in(file)[name]
    for plan in first_and_settled_plan(loaded, query, given):
        assert whole_reads(loaded, plan) == []


@pytest.mark.parametrize(
    ("file", "name"),
    [
        *queries("queue/ruled_changes.sql", "claim_conversations"),
        *queries("rules/changes.sql", "unruled_changes", "still_unruled"),
    ],
)
def test_the_changes_of_a_conversation_are_looked_up_by_it_however_many_wait_for_the_rules(
    loaded: Connection, parameters: Mapping[str, Any], file: str, name: str
) -> None:
    """A backlog comes faster than statistics, and what was empty when they were made counts as empty."""
    given = {
        **parameters,
        "connected_at": "2020-01-01T00:00:00Z",
        "skipped": [],
        "conversations": [parameters["lane"]],
    }
    empty_then = (
        "UPDATE pg_class SET reltuples = 0, relpages = 1 WHERE relname ~ '^change'; "
        "DELETE FROM pg_statistic WHERE starelid = 'domiq_sync.change'::regclass"
    )
    for first in ("SELECT 1", empty_then):
        for plan in first_and_settled_plan(loaded, asked_in(file)[name], given, first=first):
            looks = [n["Index Name"] for n in nodes(plan) if n.get("Index Name", "").startswith("change_")]
            # The conversations of a batch are those that have waited for longest at their property.
            by_property = ["change_unruled"] if name == "claim_conversations" else []
            by_conversation = [
                i for i in looks if i in ("change_conversation", "change_unruled_conversation")
            ]
            assert by_conversation
            assert sorted(looks) == sorted(by_property + by_conversation)


@pytest.mark.parametrize("name", ["changes_of_day", "requests_of_day"])
def test_a_day_is_counted_from_its_own_changes(
    loaded: Connection, parameters: Mapping[str, Any], name: str
) -> None:
    """However long the log: by the index on property and time, then row by row by key."""
    day = datetime.now(UTC).date() - timedelta(days=30)
    query = asked_in("report/daily.sql")[name]
    for plan in first_and_settled_plan(loaded, query, {**parameters, "day": day}):
        assert whole_reads(loaded, plan) == []
        used = {
            n["Index Name"] for n in nodes(plan) if n.get("Relation Name") == "change" and "Index Name" in n
        }
        assert used <= {"change_property", "change_conversation", "change_seq"}


def test_what_waits_for_people_is_found_without_reading_the_log(
    loaded: Connection, parameters: Mapping[str, Any]
) -> None:
    """The links are compared, all of them, as `status` does; of the log only what failed of late is read."""
    words = ["new", "contacted", "qualified", "tour_scheduled", "application", "leased", "lost"]
    query = asked_in("report/waiting.sql")["waiting"]
    given = {**parameters, "property_id": None, "words": words, "failed_days": 30}
    for plan in first_and_settled_plan(loaded, query, given):
        logs = [read for read in whole_reads(loaded, plan) if "status_sync_log" in read or "change" in read]
        assert logs == []


@pytest.mark.parametrize("name", ["claim", "settle"])
def test_the_queue_is_claimed_and_settled_by_key_whatever_the_statistics_say(
    loaded: Connection, parameters: Mapping[str, Any], name: str
) -> None:
    """Each look is into an index, in its order: nothing is sorted or read whole."""
    asked = asked_in("queue/queue.sql")
    # As they are found after the queue was empty: it fills faster than they are renewed.
    loaded.execute("UPDATE pg_class SET reltuples = 0 WHERE relname = 'delivery'")
    loaded.execute("SET LOCAL session_replication_role = replica")
    loaded.execute("UPDATE status_sync_log SET sync_status = 'success' WHERE sync_status = 'pending'")
    loaded.execute("ANALYZE status_sync_log")
    for plan in first_and_settled_plan(loaded, asked[name], parameters, first=asked["look_up_by_key"]):
        assert whole_reads(loaded, plan) == []
        kinds = {node["Node Type"] for node in nodes(plan)}
        assert not kinds & {"Sort", "Merge Join", "Bitmap Heap Scan", "Materialize", "Nested Loop"}
        looks = {(n.get("Relation Name"), n["Index Name"]) for n in nodes(plan) if "Index Name" in n}
        assert {index for table, index in looks if table == "delivery"} <= {
            *("delivery_due", "delivery_pkey", "delivery_lane", "delivery_one_in_flight"),
            "delivery_out_of_turn",
        }
        assert {index for table, index in looks if table == "status_sync_log"} <= {"status_sync_log_pkey"}


ONE_CHANGE = [
    *queries("queue/queue.sql", "due_properties", "claim", "still_holds", "note_posting", "keep_claim"),
    *queries("queue/queue.sql", "settle", "postpone", "has_left", "forget_posting", "count_read_back"),
    *queries("queue/lanes.sql", "heal_heads"),
    *queries("delivery/pending_change.sql", "load", "being_created", "created_lately"),
    *queries("delivery/lead_posts.sql", "known", "in_doubt"),
    *queries("delivery/lead_state.sql", "upsert_lead", "note_moved"),
    *queries("linking/store.sql", "step_back", "link", "unlink", "speak_anew", "agree", "note_resman_moved"),
    *queries("linking/link_state.sql", "leads_of_users", "links_to"),
    *queries("linking/reviews.sql", "open_review", "decisions"),
]
NEVER_RUN = {("agree", "Seq Scan on conversation"), ("agree", "Seq Scan on delivery")}
"""What is asked of many pairs at once only."""
OF_A_CHANGE = {"status_sync_log_pkey"}


@pytest.mark.parametrize(("file", "name"), ONE_CHANGE)
def test_a_plan_that_is_made_once_for_single_changes_goes_by_key_though_the_tables_were_empty_then(
    loaded: Connection, parameters: Mapping[str, Any], file: str, name: str
) -> None:
    """Whoever drains an account keeps such plans for hours."""
    empty = (
        "UPDATE pg_class SET reltuples = 0, relpages = 0 "
        "WHERE relnamespace IN ('public'::regnamespace, 'domiq_sync'::regnamespace)"
    )
    first = asked_in("queue/queue.sql")["keep_looking_up"]
    given = {**parameters, "unless_moved": False, "posted": "{}"}
    for plan in first_and_settled_plan(loaded, asked_in(file)[name], given, first=f"{empty}; {first}"):
        assert [r for r in whole_reads(loaded, plan) if (name, r) not in NEVER_RUN] == []
        looks = {(n.get("Relation Name"), n["Index Name"]) for n in nodes(plan) if "Index Name" in n}
        assert {index for table, index in looks if table == "status_sync_log"} <= OF_A_CHANGE


def test_of_the_lane_of_a_delivery_in_turn_a_claim_looks_at_those_out_of_turn_only(
    loaded: Connection, parameters: Mapping[str, Any]
) -> None:
    """The lane's other indexes hold a dead entry of each change that it ever had, for as long as some
    transaction may still see it."""
    asked = asked_in("queue/queue.sql")
    loaded.execute("UPDATE domiq_sync.delivery SET in_turn = TRUE")
    loaded.execute(asked["look_up_by_key"])
    claim = text(asked["claim"]).compile(dialect=psycopg_dialect())
    used = {}
    for carefully in (False, True):
        values = {**parameters, "limit": 50, "carefully": carefully}
        with loaded.transaction(force_rollback=True):
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {claim}"
            plan = loaded.execute(explain, {n: values[n] for n in claim.params}).fetchall()[0][0][0]["Plan"]
        looks = [n for n in nodes(plan) if n.get("Relation Name") == "delivery" and "Index Name" in n]
        assert sum(n["Actual Rows"] for n in looks if n["Index Name"] == "delivery_due") == 50
        used[carefully] = {n["Index Name"] for n in looks if n["Actual Loops"]}
    loaded.rollback()
    assert used[False] == {"delivery_due", "delivery_out_of_turn", "delivery_pkey"}
    assert used[True] == {"delivery_due", "delivery_lane", "delivery_one_in_flight", "delivery_pkey"}


@pytest.mark.parametrize(("property_ids", "account_id"), [(None, None), ([], None), (None, "1000")])
def test_looking_for_due_properties_reads_no_big_table_whole_however_it_is_asked(
    loaded: Connection,
    parameters: Mapping[str, Any],
    property_ids: list[uuid.UUID] | None,
    account_id: str | None,
) -> None:
    query = asked_in("queue/queue.sql")["due_properties"]
    values = {**parameters, "property_ids": property_ids, "account_id": account_id}
    for plan in first_and_settled_plan(loaded, query, values):
        assert whole_reads(loaded, plan) == []


def first_and_settled_plan(
    connection: Connection, query: str, parameters: Mapping[str, Any], *, first: str = "SELECT 1"
) -> Iterator[dict[str, Any]]:
    """The plan of the first execution, and that of the eighth in the same session. `first` is run in the
    same transaction before it."""
    connection.execute(first)
    # asyncpg's dialect numbers the parameters as PREPARE wants them.
    compiled = text(query).compile(dialect=asyncpg.dialect())  # type: ignore[no-untyped-call]
    values = [parameters[name] for name in compiled.positiontup or ()]
    prepared = sql.Identifier(f"q_{uuid.uuid4().hex}")
    connection.execute(sql.SQL("PREPARE {} AS {}").format(prepared, sql.SQL(str(compiled))))
    arguments = sql.SQL(", ").join(values)
    called = sql.SQL("({})").format(arguments) if values else sql.SQL("")
    explain = sql.SQL("EXPLAIN (FORMAT JSON) EXECUTE {}{}").format(prepared, called)
    plans = [connection.execute(explain).fetchall()[0][0][0]["Plan"] for _ in range(8)]
    connection.rollback()
    yield plans[0]
    yield plans[-1]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def whole_reads(connection: Connection, plan: dict[str, Any]) -> list[str]:
    """Where a plan reads a big table from end to end: a sequential scan, or an index without a condition,
    save one of those that hold a part of the table only."""
    partial = {
        name
        for (name,) in rows(
            connection, "SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL"
        )
    }
    found = []
    for node in nodes(plan):
        if node.get("Relation Name") not in BIG:
            continue
        kind, index = node["Node Type"], node.get("Index Name")
        if kind == "Seq Scan":
            found.append(f"Seq Scan on {node['Relation Name']}")
        elif index and "Index Cond" not in node and f"domiq_sync.{index}" not in partial:
            found.append(f"{kind} of all of {index}")
    return found


@pytest.mark.parametrize(
    ("query", "read"),
    [
        (
            "SELECT * FROM status_sync_log WHERE status_reason = CAST(:lane AS text)",
            "Seq Scan on status_sync_log",
        ),
        ("SELECT * FROM domiq_sync.delivery WHERE worker = :worker", "Seq Scan on delivery"),
        ("SELECT seq FROM domiq_sync.change ORDER BY seq", "Index Only Scan of all of change_seq"),
    ],
)
def test_a_whole_read_is_seen(
    loaded: Connection, parameters: Mapping[str, Any], query: str, read: str
) -> None:
    for plan in first_and_settled_plan(loaded, query, parameters):
        assert whole_reads(loaded, plan) == [read]


APPLICATION = {
    "a status": "UPDATE conversation SET status = 'qualified' WHERE id = %(lane)s",
    "a flag": "UPDATE conversation SET is_book_tour = TRUE WHERE id = %(lane)s",
    "a conversation": """INSERT INTO conversation (chatbot_id, status)
                         SELECT chatbot_id, 'new' FROM conversation WHERE id = %(lane)s""",
    "a row of the log": """INSERT INTO status_sync_log (conversation_id, sync_direction, sync_status)
                           VALUES (%(lane)s, 'to_resman', 'pending')""",
    "a lead status": "SELECT domiq_sync.lead_status(%(property_id)s, 'tour_booked')",
}
SCANS = """
SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE relname = ANY (%s) AND seq_scan > 0"""


@pytest.mark.parametrize("kind", APPLICATION)
def test_capture_reads_no_big_table_whole(
    loaded: Connection, parameters: Mapping[str, Any], kind: str
) -> None:
    """What the triggers ask is hidden from EXPLAIN: the scans of a new session are counted instead."""
    with psycopg.connect(loaded.info.dsn) as session:
        session.execute(APPLICATION[kind], parameters)
        scans = rows(session, SCANS, [sorted(BIG)])
        session.execute("SELECT count(*) FROM status_sync_log WHERE status_reason = 'this is counted'")
        counted = rows(session, SCANS, [sorted(BIG)])
        session.rollback()
    assert scans == []
    assert counted == [("status_sync_log", 1)]


def test_the_history_is_as_long_as_it_says(loaded: Connection) -> None:
    assert value(loaded, "SELECT count(*) FROM status_sync_log") == CHANGES
    assert value(loaded, "SELECT count(*) FROM domiq_sync.change") == CHANGES
    assert value(loaded, "SELECT count(*) FROM domiq_sync.delivery") == PENDING
    assert value(loaded, "SELECT count(*) FROM domiq_sync.lead_link") == CONVERSATIONS

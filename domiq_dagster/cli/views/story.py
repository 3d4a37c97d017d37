"""The story of a change, a conversation or a lead, for a person to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from domiq_dagster.cli.views.pauses import pause_told
from domiq_dagster.cli.views.screen import Screen, escape, make_console
from domiq_dagster.cli.views.times import after, when

_WHO = {"chatbot": "DomIQ", "resman_user": "ResMan's staff", "system": "the sync itself"}
_EFFECT = {
    "unknown": "nobody knows whether it took effect",
    "transient": "it took no effect and may succeed later",
    "permanent": "it took no effect and will not",
}


def print_story(result: Mapping[str, Any]) -> None:
    """Each conversation with how it stands, then its changes in order; last, changes that name none."""
    console = make_console()
    told = set()
    for conversation in result["conversations"]:
        for line in _conversation(conversation):
            console.print(line)
        told.add(conversation["conversation_id"])
        _print_changes(
            console, [c for c in result["changes"] if c["conversation_id"] == conversation["conversation_id"]]
        )
    _print_changes(console, [c for c in result["changes"] if c["conversation_id"] not in told])


def _conversation(c: Mapping[str, Any]) -> Iterator[str]:
    where = c["partition_key"] or "of no connected property"
    yield f"[bold]Conversation {c['conversation_id']}[/] ({escape(where)})"
    if c["paused_by"]:
        told = pause_told({"by": c["paused_by"], "since": c["paused_at"], "because": c["paused_because"]})
        yield f"  [yellow]its property is {escape(told)}[/]"
    elif c["sync_enabled"] is False:
        yield "  [yellow]its property is switched off: domiq-sync resume[/]"
    alone = ", which is no lead status and left alone" if c["lead_status"] is None else ""
    yield escape(f"  now {c['domiq_status'] or 'without a status'} in DomIQ{alone}")
    if c["prospect_id"] is None:
        yield "  no lead at ResMan is known"
    else:
        yield escape(f"  {c['resman_status'] or 'not read yet'} at ResMan")
        speaks = "" if c["speaks_for_lead"] else "; a newer conversation speaks for it"
        linked = f"linked by {escape(c['linked_by'])} {when(c['linked_at'])}"
        yield f"  lead {escape(c['prospect_id'])}, {linked}{speaks}"
        if c["agreed_at"]:
            pair = f"{c['agreed_domiq_status'] or 'no status'} and {c['agreed_resman_status'] or 'no status'}"
            yield f"  last agreed on {escape(pair)} {when(c['agreed_at'])}"
    if c["conflict"]:
        yield "  [yellow]a conflict waits for a person: domiq-sync conflicts[/]"
    if "contact" in c:
        person = c["contact"]
        yield escape("  " + ", ".join(person[n] or f"no {n}" for n in ("name", "email", "phone")))


def _print_changes(console: Screen, changes: Sequence[Mapping[str, Any]]) -> None:
    for change in changes:
        for line in _change(change):
            console.print(line)


def _change(s: Mapping[str, Any]) -> Iterator[str]:
    way = {"to_resman": "to ResMan", "from_resman": "from ResMan"}.get(s["sync_direction"], "no direction")
    who = _WHO.get(s["updated_by"], "somebody")
    moved = escape(f"{s['old_status'] or 'no status'} -> {s['new_status']}")
    yield (
        f"[bold]{_when(s['created_at'])}[/] {who}: {moved}, {way}: "
        f"[bold]{escape(s['sync_status'] or 'no status')}[/]  (change {s['change_id']})"
    )
    if s["status_reason"]:
        yield escape(f"  reason: {s['status_reason']}")
    if s.get("context"):
        yield escape(f"  the application's context: {s['context']}")
    elif s["context_keys"]:
        yield escape(
            f"  the application's context: {', '.join(s['context_keys'])} (shown with --with-contact)"
        )
    retries = s["retries"] if isinstance(s["retries"], list) else [s["retries"]]
    yield from _steps(
        s["created_at"], s["steps"], [r if isinstance(r, dict) else {"note": r} for r in retries]
    )
    if s["cause_rule_id"]:
        yield f"  moved by the workflow rule {s['cause_rule_id']}, after change {s['caused_by']}"
    for rule in s["rules"]:
        yield _rule(rule)
    if s["delivery_state"]:
        tries = f"{s['attempts']} counted tries, {s['postponements']} postponed"
        last = f", last {s['last_outcome']}" if s["last_outcome"] else ""
        then = when(s["next_attempt_at"])
        yield escape(f"  waits: {s['delivery_state']} ({tries}{last}), next {then}")
    if s.get("archived_at"):
        yield f"  in the archive since {s['archived_at']:%Y-%m-%d}"
    if isinstance(s["settlement"], dict):
        ended = s["settlement"]
        told = f"{ended.get('outcome')}: {ended.get('reason')}"
        yield escape(f"  ended: {told}" + _listed(", events ", ended.get("event_ids")))


def _when(moment: datetime | None) -> str:
    """The application may have logged a row without a time."""
    return when(moment, never="at an unknown time")


def _steps(
    logged_at: datetime | None, steps: Sequence[Mapping[str, Any]], retries: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Attempts in order, by how long after the change was logged they began, and each retry
    after the last attempt before it."""
    waiting = list(retries)
    lease = None
    for step in steps:
        while waiting and (waiting[0].get("after_attempt") or 0) < step["id"]:
            yield _retry(waiting.pop(0))
        if step["lease_token"] != lease:
            lease = step["lease_token"]
            yield escape(f"  {when(step['started_at'])} worker {step['worker']}")
        ended = f"{step['action']}: {step['outcome']} ({step['duration_ms']} ms)"
        more = "".join(f"; {part}" for part in _request_and_answer(step["detail"] or {}))
        yield escape(f"    {after(step['started_at'], logged_at or step['started_at'])} {ended}{more}")
    for retry in waiting:
        yield _retry(retry)


def _request_and_answer(detail: Mapping[str, Any]) -> Iterator[str]:
    """What was asked and what came back; of what is there."""
    d = {key: value for key, value in detail.items() if value is not None}
    if "event_type" in d:
        lead = f" of lead {d['prospect_id']}" if "prospect_id" in d else ""
        event = f"{d['event_type']} of {d.get('event_date')} as {d.get('customer_type')}"
        yield f"asked: {event}{lead} {d.get('marker')}"
    elif "marker" in d:
        yield f"marker {d['marker']}"
    answer = [f"HTTP {d['http_status']}"] if "http_status" in d else []
    answer += [f"code {d['code']}"] if "code" in d else []
    answer += [f'"{d["answer"]}"'] if "answer" in d else []
    answer += [f"{d['found']} found"] if "found" in d else []
    answer += [f"lead {d['answer_prospect_id']}"] if "answer_prospect_id" in d else []
    answer += [f"a {d['answer_status']} with {d['answer_events']} events"] if "answer_status" in d else []
    answer += [f"events {', '.join(d['answer_event_ids'])}"] if d.get("answer_event_ids") else []
    if answer:
        yield "answer: " + ", ".join(answer)
    if "disposition" in d:
        yield _EFFECT.get(d["disposition"], d["disposition"])


def _rule(r: Mapping[str, Any]) -> str:
    did = []
    for name, value in r["done"].items():
        if isinstance(value, list):
            did.append(f"{name.replace('_', ' ')} {value[0]} -> {value[1]}")
        else:
            did.append(f"{value} {name.replace('_', ' ')}")
    what = f", and it did: {', '.join(did)}" if did else ""
    ended = {"ran": "ran", "not_held": "did not hold"}.get(r["outcome"], r["outcome"])
    return escape(f"  rule {r['rule_id']} {ended}: {r['why']}{what}")


def _retry(r: Mapping[str, Any]) -> str:
    chosen = [f"{name} {r[name]}" for name in ("property", "since", "reason") if r.get(name)]
    after = r.get("after")
    why = f"; why: {r['why']}" if r.get("why") else ""
    failed = (
        f"; it had failed: {after.get('outcome')}: {after.get('reason')}" if isinstance(after, dict) else ""
    )
    chose = f", who chose {', '.join(chosen)}" if chosen else ""
    return escape(f"  {_at(r.get('at'))} retried by {r.get('by') or 'somebody'}{chose}{why}{failed}")


def _at(written: object) -> str:
    """The time of a retry, as the change has it on record."""
    try:
        return when(datetime.fromisoformat(str(written)))
    except ValueError:
        return "at an unknown time"


def _listed(before: str, values: object) -> str:
    return before + ", ".join(str(v) for v in values) if isinstance(values, list) and values else ""

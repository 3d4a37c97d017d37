"""One lead seen whole, as values and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from domiq_dagster.cli.views.history import action_row, action_sentence
from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.cli.views.times import when
from domiq_dagster.resman.redact import describe
from domiq_dagster.sync.monitoring.lead import LeadStory
from domiq_dagster.sync.operator_actions import Deciding

_LINKED = {
    "email": "linked by e-mail",
    "phone": "linked by phone",
    "name": "linked by name",
    "stored_id": "linked by the id that DomIQ had",
    "created": "created at ResMan for it",
    "manual": "linked by a person",
}
_WHO = {"chatbot": "DomIQ", "resman_user": "ResMan's staff", "system": "the sync itself"}


def lead_result(identifier: str, stories: Sequence[LeadStory], *, not_shown: int) -> dict[str, Any]:
    """As plain values."""
    return {
        "asked_for": identifier,
        "not_shown": not_shown,
        "leads": [_lead(story) for story in stories],
    }


def _lead(s: LeadStory) -> dict[str, Any]:
    now = s.timeline[-1] if s.timeline else None
    conversations = list(s.told.conversations)
    speaks = next((c for c in conversations if c["speaks_for_lead"]), None) or next(
        iter(reversed(conversations)), None
    )
    return {
        "found_as": list(s.found_as),
        "property": s.partition_key,
        "lead": s.prospect_id,
        "conversations": conversations,
        "domiq_status": speaks["domiq_status"] if speaks else None,
        "resman_status": (speaks["resman_status"] if speaks else None)
        or (now.resman_status if now else None),
        "timeline": [
            {"at": m.at, "domiq_status": m.domiq_status, "resman_status": m.resman_status} for m in s.timeline
        ],
        "changes": [_change(c) for c in s.told.changes],
        "rules": [{"change": c["change_id"], **r} for c in s.told.changes for r in c["rules"]],
        "notices": list(s.notices),
        "conflicts": list(s.conflicts),
        "links": list(s.links),
        "link_reviews": list(s.reviews),
        "decisions": _decisions(s),
    }


def _decisions(s: LeadStory) -> list[dict[str, Any]]:
    """What people decided about it, in order: also that its changes were among those that were retried, which
    only the changes know."""
    named = {(a.action, one) for a in s.actions for one in a.subject}
    found = [{**action_row(a), "why": _without_person(s, a.why)} for a in s.actions]
    for change in s.told.changes:
        retries = change["retries"] if isinstance(change["retries"], list) else []
        for retry in retries:
            if not isinstance(retry, dict) or (Deciding.RETRY, str(change["change_id"])) in named:
                continue
            if (at := _moment(retry.get("at"))) is not None:
                found.append(
                    {
                        "when": at,
                        "action": Deciding.RETRY.value,
                        "who": str(retry.get("by") or "somebody"),
                        "why": _without_person(s, str(retry["why"]) if retry.get("why") else None),
                        "property": s.partition_key,
                        "subject": [str(change["change_id"])],
                        "details": {n: retry[n] for n in ("since", "reason") if retry.get(n)},
                    }
                )
    return sorted(found, key=lambda row: row["when"])


def _moment(written: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _without_person(s: LeadStory, words: str | None) -> str | None:
    """What a person wrote about a lead, without whom it is about."""
    private = [value for values in s.told.private.values() for value in values]
    return describe(words, private)


def _change(c: Mapping[str, Any]) -> dict[str, Any]:
    settled = c["settlement"] if isinstance(c["settlement"], dict) else {}
    return {
        "change": c["change_id"],
        "conversation": c["conversation_id"],
        "at": c["created_at"],
        "who": _WHO.get(c["updated_by"], "somebody"),
        "direction": c["sync_direction"],
        "old_status": c["old_status"],
        "new_status": c["new_status"],
        "state": c["sync_status"],
        "outcome": settled.get("outcome"),
        "why": settled.get("reason"),
        "attempts": len(c["steps"]),
        "waits_until": c["next_attempt_at"],
    }


def print_lead(result: Mapping[str, Any]) -> None:
    """Each lead, after which ones were found where there are several."""
    console = make_console()
    leads = result["leads"]
    if len(leads) + result["not_shown"] > 1:
        console.print(f"{escape(result['asked_for'])} means {len(leads) + result['not_shown']} leads:")
        for one in leads:
            console.print(f"  {escape(lead_name(one))}, as {escape(' and '.join(one['found_as']))}")
    for one in leads:
        for line in _lines(one):
            console.print(line)
    if result["not_shown"]:
        console.print(f"and {result['not_shown']} more leads: give the id of one")


def lead_name(one: Mapping[str, Any]) -> str:
    """What a lead is called: by its id at ResMan, else by its conversation."""
    if one["lead"]:
        return f"lead {one['lead']}"
    ids = [c["conversation_id"] for c in one["conversations"]] or [c["conversation"] for c in one["changes"]]
    return f"conversation {ids[0]}" if ids else "a lead that is gone"


def timeline_told(one: Mapping[str, Any]) -> Iterator[str]:
    """Each point of the timeline: both statuses, and since when."""
    for m in one["timeline"]:
        yield f"{m['domiq_status'] or '-'}|{m['resman_status'] or '-'} ({when(m['at'])})"


def _lines(one: Mapping[str, Any]) -> Iterator[str]:
    where = one["property"] or "of no connected property"
    yield f"[bold]{escape(lead_name(one))}[/] ({escape(where)})"
    yield escape(
        f"  now {one['domiq_status'] or 'no status'} in DomIQ, {one['resman_status'] or 'unknown'} at ResMan"
    )
    for c in one["conversations"]:
        speaks = " speaks for it" if c["speaks_for_lead"] else ""
        yield f"  conversation {c['conversation_id']}{speaks}"
    if one["timeline"]:
        yield "[bold]DomIQ|ResMan over time[/]"
        yield escape("  " + " -> ".join(timeline_told(one)))
    for title, lines in sections(one):
        if lines:
            yield f"[bold]{title}[/]"
        for moment, told in lines:
            head, *rest = told.split("\n")
            yield escape(f"  {when(moment, never='at an unknown time')}: {head}")
            yield from (escape(f"    {line}") for line in rest)


def sections(one: Mapping[str, Any]) -> list[tuple[str, list[tuple[Any, str]]]]:
    """What is on record, by what it is: each with its time. An id that would not fit behind it stands on a
    line of its own."""
    return [
        ("Changes", [(c["at"], change_told(c)) for c in one["changes"]]),
        ("Rules", [(_time_of(one, r["change"]), _rule_told(r)) for r in one["rules"]]),
        ("Notices", [(n["created_at"], _notice_told(n)) for n in one["notices"]]),
        ("Conflicts", [(k["opened_at"], _conflict_told(k)) for k in one["conflicts"]]),
        ("Links", [(ln["linked_at"], _link_told(ln)) for ln in one["links"]]),
        ("Link reviews", [(q["asked_at"], _review_told(q)) for q in one["link_reviews"]]),
        ("Decisions of people", [(d["when"], _decision_told(d)) for d in one["decisions"]]),
    ]


def _time_of(one: Mapping[str, Any], change_id: object) -> Any:
    return next((c["at"] for c in one["changes"] if c["change"] == change_id), None)


def change_told(c: Mapping[str, Any]) -> str:
    """A change and how it ended, in ResMan's words where it refused."""
    way = {"to_resman": "to ResMan", "from_resman": "from ResMan"}.get(c["direction"], "no direction")
    told = f"{c['who']}: {c['old_status'] or 'no status'} -> {c['new_status']}, {way}: {c['state']}"
    ended = ": ".join(filter(None, (c["outcome"], c["why"])))
    return f"{told}, {ended}" if ended else told


def _rule_told(r: Mapping[str, Any]) -> str:
    ended = {"ran": "ran", "not_held": "did not hold"}.get(r["outcome"], r["outcome"])
    return f"rule {r['rule_id']} {ended}: {r['why']}"


def _notice_told(n: Mapping[str, Any]) -> str:
    return f"by {n['channel']}: {n['state']}" + (f", {n['state_reason']}" if n["state_reason"] else "")


def _conflict_told(k: Mapping[str, Any]) -> str:
    told = f"DomIQ {k['domiq_status'] or 'no status'} against ResMan {k['resman_status']}"
    if k["resolved_at"] is None:
        return f"{told}: waits for a person (domiq-sync conflicts)"
    by = f" by {k['resolved_by']}" if k["resolved_by"] else ""
    return f"{told}: {k['resolution']}{by}, {when(k['resolved_at'])}"


def _link_told(ln: Mapping[str, Any]) -> str:
    ended = "" if ln["closed_at"] is None else f"; ended {when(ln['closed_at'])}: {ln['reason']}"
    how = _LINKED.get(ln["linked_by"], ln["linked_by"])
    return f"{how}{ended}\nconversation {ln['conversation_id']}\nlead {ln['prospect_id']}"


def _review_told(q: Mapping[str, Any]) -> str:
    if q["closed_at"] is None:
        return f"{q['reason']}: waits for a person (domiq-sync conflicts)"
    return f"{q['reason']}: {q['resolution']}, {when(q['closed_at'])}"


def _decision_told(d: Mapping[str, Any]) -> str:
    why = f"; why: {d['why']}" if d["why"] else ""
    return f"{d['who']} {action_sentence(d)}{why}"

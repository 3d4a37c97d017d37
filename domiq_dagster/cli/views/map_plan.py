"""What a changed status map would do, as counts from what to what, and a few ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.sync.decisions.map_plan import ASKS, NOTHING, Effect, PropertyPlan, WordEffect


def map_plan_result(plans: Sequence[PropertyPlan]) -> dict[str, Any]:
    """As plain values: the sums, then each property."""
    total: Counter[Effect] = Counter()
    for plan in plans:
        total.update(plan.effects)
    return {
        "leads": sum(plan.leads for plan in plans),
        "would_move": total.total(),
        "effects": [{**_effect(e), "leads": count} for e, count in _in_order(total)],
        "properties": [
            {
                "property": plan.partition_key,
                "leads": plan.leads,
                "would_move": plan.effects.total(),
                "effects": [
                    {**_effect(e), "leads": count, "sample": plan.samples[e]}
                    for e, count in _in_order(plan.effects)
                ],
                "words": [_word(w) for w in plan.words],
            }
            for plan in plans
        ],
    }


def _in_order(effects: Counter[Effect]) -> list[tuple[Effect, int]]:
    return sorted(effects.items(), key=lambda item: (-item[1], item[0]))


def _effect(e: Effect) -> dict[str, str]:
    return {"does": e.does, "from": e.was, "to": e.becomes, "instead_of": e.instead_of}


def _word(w: WordEffect) -> dict[str, Any]:
    return {
        "word": w.word,
        "means": w.meant,
        "would_mean": w.would_mean,
        "conversations": w.conversations,
    }


def print_map_plan(result: Mapping[str, Any]) -> None:
    """The sums, then each property at which anything would change."""
    console = make_console()
    for line in _lines(result):
        console.print(line)


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    properties = result["properties"]
    yield f"Of {result['leads']} leads at {len(properties)} properties {result['would_move']} would move."
    if len(properties) > 1:
        for row in result["effects"]:
            yield f"  {row['leads']}: {escape(_told(row))}"
    for found in properties:
        if not found["effects"] and not found["words"]:
            continue
        yield f"[bold]{escape(found['property'])}[/]: {found['would_move']} of {found['leads']}"
        for row in found["effects"]:
            yield f"  {row['leads']}: {escape(_told(row))}"
            for conversation_id in row["sample"]:
                yield f"    {conversation_id}"
            if row["leads"] > len(row["sample"]):
                yield f"    and {row['leads'] - len(row['sample'])} more"
        for word in found["words"]:
            yield escape(f"  {_word_told(word)}")
    yield "Nothing was written."


def _told(row: Mapping[str, str]) -> str:
    instead = "" if row["instead_of"] == NOTHING else f" (now {row['instead_of']})"
    if row["does"] == NOTHING:
        return f"nothing would be done{instead}"
    arrow = "against" if row["does"] == ASKS else "->"
    return f"{row['does']}: {row['from']} {arrow} {row['to']}{instead}"


def _word_told(word: Mapping[str, Any]) -> str:
    shown = f"{word['conversations']} conversations that show '{word['word']}'"
    if word["means"] is None:
        return f"{shown} would become leads ({word['would_mean']})"
    if word["would_mean"] is None:
        return f"{shown} would be left alone, since it would be no lead status any more"
    return f"{shown} would mean {word['would_mean']} instead of {word['means']}"

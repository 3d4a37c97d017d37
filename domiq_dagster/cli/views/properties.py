"""Properties of both sides. Lines rather than a table: ids are to be copied whole, at 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.cli.views.times import when
from domiq_dagster.sync.setup.properties import AtResman, BothSides, DomiqProperty

_WAYS = {"both": "both ways", "to_resman": "to ResMan only", "from_resman": "from ResMan only"}


def properties_result(both: BothSides, there: AtResman, not_asked: str | None) -> dict[str, Any]:
    """As plain values. Not ok: one is connected with a property that ResMan does not have, or an account did
    not answer."""
    return {
        "ok": not both.gone and not there.silent,
        "connected": [_connected(p, both) for p in both.connected],
        "only_domiq": [{"property_id": p.property_id, "name": p.name} for p in both.only_domiq],
        "only_resman": [
            {
                "account": u.account_id,
                "resman_property_id": u.resman_property_id,
                "name": u.name,
                "namesake": u.namesake,
                "then": f"domiq-sync connect --property {u.namesake or 'ID'} --account {u.account_id} "
                f"--resman-property {u.resman_property_id}",
            }
            for u in both.only_resman
        ],
        "not_answered": dict(there.silent),
        "resman_not_asked": not_asked,
    }


def _connected(p: DomiqProperty, both: BothSides) -> dict[str, Any]:
    return {
        "property": p.partition_key,
        "property_id": p.property_id,
        "name": p.name,
        "account": p.account_id,
        "resman_property_id": p.resman_property_id,
        "resman_name": both.names.get(p.property_id),
        "gone_at_resman": p.property_id in both.gone,
        "enabled": p.enabled,
        "paused": p.is_paused,
        "direction": p.direction,
        "policy": p.policy,
        "last_pull_at": p.last_pull_at,
    }


def print_properties(result: Mapping[str, Any]) -> None:
    """Those that are connected, then those of one side alone, then who did not answer."""
    console = make_console()
    for line in _lines(result):
        console.print(line)


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    counts = (len(result[n]) for n in ("connected", "only_domiq", "only_resman"))
    yield "{} connected, {} only in DomIQ, {} only at ResMan".format(*counts)
    for row in result["connected"]:
        yield from _connected_lines(row)
    if result["only_domiq"]:
        yield "[bold]Only in DomIQ[/]"
    for row in result["only_domiq"]:
        yield f"  {row['property_id']}  {escape(row['name'])}"
    if result["only_resman"]:
        yield "[bold]Only at ResMan[/]"
    for row in result["only_resman"]:
        yield escape(f"  {row['resman_property_id']}  {row['name']}, account {row['account']}")
        if row["namesake"]:
            yield "    [dim]DomIQ has one of this name; to connect the two:[/]"
            yield f"    domiq-sync connect --property {row['namesake']} \\"
            yield escape(f"      --account {row['account']} --resman-property {row['resman_property_id']}")
    for account, why in result["not_answered"].items():
        yield f"[red]account {escape(account)} did not tell its properties[/]: {escape(why)}"
    if result["resman_not_asked"]:
        yield escape(f"ResMan was not asked: {result['resman_not_asked']}")
    if result["only_domiq"] and not result["only_resman"] and not result["connected"]:
        yield "To see ResMan's side: domiq-sync properties --account ACCOUNT"


def _connected_lines(row: Mapping[str, Any]) -> Iterator[str]:
    state = "paused" if row["paused"] else "connected" if row["enabled"] else "switched off"
    colour = "green" if row["enabled"] else "yellow"
    way = f"{_WAYS.get(row['direction'], row['direction'])}, {row['policy']}"
    pulled = f"pulled {when(row['last_pull_at'])}"
    yield f"[bold]{escape(row['property'])}[/] [{colour}]{state}[/], {way}, {pulled}"
    yield f"  DomIQ   {row['property_id']}  {escape(row['name'])}"
    name = f"  {escape(row['resman_name'])}" if row["resman_name"] else ""
    if row["gone_at_resman"]:
        name = f"  [red]account {escape(row['account'])} does not have it[/]"
    yield f"  ResMan  {escape(row['resman_property_id'])}{name}, account {escape(row['account'])}"

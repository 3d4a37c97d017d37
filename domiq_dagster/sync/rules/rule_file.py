"""Rules from a JSON file, in the form of rows of status_workflow_rules. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from domiq_dagster.sync.rules.compile import RuleRow

_COLUMNS = ("trigger_status", "target_status", "conditions", "actions")
_KNOWN = {"id", "property", "property_id", *_COLUMNS}
_IGNORED = {"created_at", "is_active"}


class RuleFileError(ValueError):
    """A file of rules cannot be used; the text says why."""


def parse_rule_file(content: str, properties: Mapping[str, UUID]) -> list[RuleRow]:
    """Reads the rules of a JSON file: one object or a list of them.

    Each has the columns of status_workflow_rules, and `property` for property_id. One with the `id` of a
    rule in the table stands for its edited version; one without a property is tried at each.

    Args:
        content: the JSON.
        properties: the connected properties, by whatever a file may call them.

    Raises:
        RuleFileError: the file cannot be used.
    """
    try:
        given = json.loads(content)
    except json.JSONDecodeError as error:
        raise RuleFileError(f"the rule file is not JSON (line {error.lineno}: {error.msg})") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or thousands of lists in lists
        raise RuleFileError("the rule file is no JSON that can be read") from None
    items = given if isinstance(given, list) else [given]
    if not items:
        raise RuleFileError("the rule file has no rule in it")
    return [_rule_row(item, number, properties) for number, item in enumerate(items, 1)]


def _rule_row(item: Any, number: int, properties: Mapping[str, UUID]) -> RuleRow:
    if not isinstance(item, dict):
        raise RuleFileError(f"rule {number} of the file is not a JSON object")
    if unknown := sorted(set(item) - _KNOWN - _IGNORED):
        raise RuleFileError(f"rule {number} of the file: unknown {', '.join(unknown)}")
    name = item.get("property", item.get("property_id"))
    if name is not None and str(name) not in properties:
        raise RuleFileError(f"rule {number} of the file: no connected property is called {name}")
    if not all(isinstance(item.get(n), str | None) for n in ("trigger_status", "target_status")):
        raise RuleFileError(f"rule {number} of the file: trigger_status and target_status are texts")
    property_id = properties[str(name)] if name is not None else None
    return RuleRow(_rule_id(item, number), property_id, *(item.get(column) for column in _COLUMNS))


def _rule_id(item: Mapping[str, Any], number: int) -> UUID:
    if "id" not in item:
        return uuid5(NAMESPACE_OID, f"rule {number} of a file")
    try:
        return UUID(str(item["id"]))
    except ValueError:
        raise RuleFileError(f"rule {number} of the file: its id is no UUID") from None

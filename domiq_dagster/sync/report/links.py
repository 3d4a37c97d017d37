"""Links from the report to DomIQ's and ResMan's own pages of a lead, where somebody has said how these are
addressed."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from domiq_dagster.sync.report.waiting import WaitingLead


@dataclass(frozen=True, slots=True)
class Links:
    """Where a lead is shown, as patterns: an address with {conversation_id}, in DomIQ, or {prospect_id}, in
    ResMan. What is no web address links nowhere."""

    domiq: str | None = None
    resman: str | None = None

    def of_conversation(self, lead: WaitingLead) -> str | None:
        return _filled(self.domiq, "conversation_id", lead.conversation_id)

    def of_prospect(self, lead: WaitingLead) -> str | None:
        return _filled(self.resman, "prospect_id", lead.prospect_id)


def _filled(pattern: str | None, name: str, value: object) -> str | None:
    if pattern is None or value is None or not pattern.startswith(("https://", "http://")):
        return None
    return pattern.replace("{" + name + "}", quote(str(value), safe=""))

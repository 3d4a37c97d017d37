"""What every part of one delivery works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync.delivery.attempts import AttemptLog
from domiq_dagster.sync.delivery.outcomes import DeliveryRules
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.queue import Claim
from domiq_dagster.sync.status_map import StatusMap


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """One delivery's surroundings: what it was claimed with, and where it is recorded."""

    connection: Connection
    client: ResManClient
    rules: DeliveryRules
    claim: Claim
    integration: Integration
    statuses: StatusMap
    attempts: AttemptLog = field(default_factory=AttemptLog)

    @property
    def property_id(self) -> UUID:
        return self.integration.property_id

    @property
    def conversation_id(self) -> UUID:
        """The conversation that the change is about: its lane."""
        return self.claim.lane

    def keep_claim(self) -> bool:
        """Whether the claim still holds, and does until the transaction ends; if not, it is rolled back."""
        return queue.keep_claim(self.connection, self.claim)

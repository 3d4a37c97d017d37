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

    @property
    def may_have_arrived(self) -> bool:
        """Whether ResMan may have a post of the change of which nobody knows."""
        if self.attempts.has_posted:
            return not self.attempts.effect_is_known
        return self.claim.in_doubt

    @property
    def has_no_tries_left(self) -> bool:
        """Whether the change is in doubt, and was sent in vain so often that only a person has it sent
        again."""
        claim = self.claim
        return claim.in_doubt and claim.decided is None and claim.attempts >= self.rules.max_attempts

    def keep_claim(self) -> bool:
        """Whether the claim still holds, and does until the transaction ends; if not, it is rolled back."""
        return queue.keep_claim(self.connection, self.claim)

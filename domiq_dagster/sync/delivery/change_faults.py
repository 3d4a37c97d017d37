"""Faults of changes: what went wrong with the deliveries of one push, each by itself.

Each is noted as a record in trouble until its change is settled, or waits for something else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.sync import trouble
from domiq_dagster.sync.delivery.outcomes import DeliveryResult
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.queue import Claim
from domiq_dagster.sync.trouble import MISSING_GRANT, Faults


class _Fault(NamedTuple):
    property_id: UUID
    sentence: str


class ChangeFaults:
    """Collects the faults of one push. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[UUID, _Fault] = {}

    def guard(
        self, connection: Connection, claim: Claim, deliver: Callable[[], DeliveryResult]
    ) -> DeliveryResult:
        """Delivers a claimed change. Whatever is raised, or told as a fault, is this change's.

        Args:
            connection: what is open on it is rolled back after a fault.

        Returns:
            The result. Where not even a postponement could be stored the change counts as postponed: it comes
            back when its lease ends, and is read back before it is sent.

        Raises:
            Exception: the database is gone, which is everybody's.
        """
        result = DeliveryResult("postponed", "fault")
        faults = Faults("the delivery of change {} could not be stored")
        with faults.of(str(claim.change_id)):
            result = deliver()
        for said in faults.sentences.values():
            connection.rollback()
            result = DeliveryResult("postponed", said.partition(":")[0], fault=said)
        self._keep(connection, claim, result)
        return result

    def sentences(self, names: Mapping[UUID, str]) -> list[str]:
        """What is wrong with changes whose last delivery was no better: one for all of a property with the
        same fault. Where a grant is missing it is no change's fault.

        Args:
            names: the partition keys, by property.
        """
        alike: dict[_Fault, list[UUID]] = {}
        for change_id, fault in self._faults.items():
            alike.setdefault(fault, []).append(change_id)
        return [
            f"{names[fault.property_id]}: {_changes(change_ids)} could not be delivered: {fault.sentence}"
            for fault, change_ids in alike.items()
        ]

    def _keep(self, connection: Connection, claim: Claim, result: DeliveryResult) -> None:
        if result.result == "lost_lease":
            return
        key, said = str(claim.change_id), result.fault if _is_own(result) else None
        # What was never tried before is not noted.
        if said is not None or claim.attempts or claim.postponements:
            noting = Faults("whether change {} is in trouble could not be noted")
            with noting.of(key), connection.begin():
                if result.result in ("success", "failed") or (result.state == "waiting" and said is None):
                    trouble.clear(connection, trouble.DELIVERY, None, [key])
                elif said is not None:
                    trouble.note(connection, trouble.DELIVERY, claim.property_id, {key: said})
            said = said or noting.sentences.get(key)
        with self._lock:
            if said is None:
                self._faults.pop(claim.change_id, None)
            else:
                self._faults[claim.change_id] = _Fault(claim.property_id, said)


def forget_settled(connection: Connection) -> None:
    """Changes that whoever settled, or deleted, are in trouble no more. The caller commits."""
    noted = trouble.keys_to_take_up(connection, trouble.DELIVERY)
    if noted:
        left = {str(change_id) for change_id in queue.queued_among(connection, [UUID(key) for key in noted])}
        trouble.clear(connection, trouble.DELIVERY, None, set(noted) - left)


def _is_own(result: DeliveryResult) -> bool:
    """Whether the fault is the change's: a grant that is missing is not."""
    return result.outcome != MISSING_GRANT


def _changes(change_ids: list[UUID]) -> str:
    first = change_ids[0]
    return f"change {first}" if len(change_ids) == 1 else f"{len(change_ids)} changes ({first} for one)"

"""Several properties' pulls: accounts side by side, the properties of each one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from sqlalchemy import Engine

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import Busy
from domiq_dagster.sync import patience, trouble
from domiq_dagster.sync.account_gate import AccountBusy, NotWanted, asking_first, asks_to_wait
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.pull.pull import Pulled, PullOptions, pull_property
from domiq_dagster.sync.queue import sequences

_PULLS_AGAIN = 3
"""So often a property is pulled again at once, where ResMan asked in between to wait a little."""


def pull_all(
    engine: Engine,
    client: ResManClient,
    integrations: Sequence[Integration],
    options: PullOptions | None = None,
    *,
    on_property: Callable[[Integration, Pulled | Exception], None] = lambda i, r: None,
) -> tuple[dict[str, Pulled], dict[str, Exception]]:
    """Pulls several properties: accounts side by side, the properties of each one after the other.

    One property's failure, whatever it is, touches no other.

    Args:
        on_property: called as each property ends, from several threads.

    Returns:
        What came and what failed, by partition key.

    Raises:
        DatabaseError, DBAPIError: the database is gone, which ends all.
    """
    options = options or PullOptions()
    with engine.begin() as connection:
        sequences.set_right(connection)
    pulls = _Pulls(engine, client, options, on_property)
    accounts: dict[str, list[Integration]] = {}
    for integration in integrations:
        accounts.setdefault(integration.account_id, []).append(integration)
    with ThreadPoolExecutor(max_workers=options.max_accounts, thread_name_prefix="pull") as pool:
        under_way = [pool.submit(pulls.pull_account, mine) for mine in accounts.values()]
        try:
            for done in as_completed(under_way):
                done.result()
        except BaseException:
            pulls.interrupted.set()
            raise
    return pulls.pulled, pulls.errors


@dataclass(slots=True)
class _Pulls:
    """Several pulls under way: what their threads share.

    Attributes:
        interrupted: none of them is to go on.
    """

    engine: Engine
    client: ResManClient
    options: PullOptions
    on_property: Callable[[Integration, Pulled | Exception], None]
    pulled: dict[str, Pulled] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    interrupted: threading.Event = field(default_factory=threading.Event)

    def pull_account(self, integrations: Sequence[Integration]) -> None:
        """The properties of one account, one after the other. Where others kept it busy for as long as one
        property waited, the next ones do not wait anew."""
        busy: AccountBusy | None = None
        with asking_first(lambda connection: not self.interrupted.is_set()):
            for integration in integrations:
                if self.interrupted.is_set():
                    return
                if busy is not None:
                    self._failed(integration, busy)
                    continue
                try:
                    self._pull(integration)
                except NotWanted:
                    return
                failure = self.errors.get(integration.partition_key)
                busy = failure if isinstance(failure, AccountBusy) else None

    def _pull(self, integration: Integration) -> None:
        key = integration.partition_key
        try:
            pulled = pull_patiently(self.engine, self.client, integration, self.options)
        except NotWanted:
            raise
        except Exception as error:
            if trouble.is_lost_database(error):
                raise
            trouble.log_fault(f"pull of {key} failed", error)
            # Without its traceback, which would keep all that the pull held.
            self._failed(integration, error.with_traceback(None))
        else:
            self.pulled[key] = pulled
            self.on_property(integration, pulled)

    def _failed(self, integration: Integration, error: Exception) -> None:
        self.errors[integration.partition_key] = error
        self.on_property(integration, error)


def pull_patiently(
    engine: Engine, client: ResManClient, integration: Integration, options: PullOptions
) -> Pulled:
    """Pulls a property, again where ResMan asks for a short pause, which is waited out at the gate. Raises as
    `pull_property` does."""
    for _ in range(_PULLS_AGAIN):
        try:
            return pull_property(engine, client, integration, options)
        except Busy as error:
            if not asks_to_wait(error, patience.SHORT_PAUSE):
                raise
    return pull_property(engine, client, integration, options)

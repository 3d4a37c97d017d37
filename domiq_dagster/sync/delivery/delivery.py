"""One claimed change on its way: resolve which lead it is about, decide what is to be posted, send it.

Each step ends in what the next one needs, or in an Outcome: how the delivery ends. `worker` stores that.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync.account_gate import NotWanted, asking_first
from domiq_dagster.sync.delivery import lost_time
from domiq_dagster.sync.delivery.context import DeliveryContext
from domiq_dagster.sync.delivery.deciding import decide_posts
from domiq_dagster.sync.delivery.outcomes import LostLease, Outcome, Postpone, Settle, is_of_the_record
from domiq_dagster.sync.delivery.resolving import NEWER_SPEAKS, Resolved, Resolver
from domiq_dagster.sync.delivery.sending import Sender


class Delivery:
    """One delivery under way. Once `stopping` says so, no further request is made."""

    def __init__(self, context: DeliveryContext, stopping: Callable[[], bool]) -> None:
        self._context = context
        self._stopping = stopping
        self._resolver = Resolver(context)
        self._sender = Sender(context, self._resolver)

    def run(self) -> Outcome:
        """Brings the change to its end, or finds why not now.

        Raises:
            ResManError: what ResMan, or the account's gate, says to that.
        """
        try:
            with asking_first(lambda connection: not self._stopping() and self._resolver.keeps_person()):
                return self._run()
        except NotWanted:
            return Postpone("stopped", 0.0, state="ready") if self._stopping() else LostLease()
        finally:
            self._resolver.release()

    def _run(self) -> Outcome:
        context = self._context
        resolved = self._resolver.resolve()
        if not isinstance(resolved, Resolved):
            return resolved
        if resolved.change.is_spoken_for and not context.claim.outcome_unknown:
            return Settle("success", "superseded", NEWER_SPEAKS)
        with ExitStack() as slot:
            read = self._read(resolved, slot)
            if not isinstance(read, Resolved):
                return read
            posts = lost_time.told_already(context, read) or decide_posts(context, read)
            if not isinstance(posts, list):
                return posts
            return self._sender.send(read, posts)

    def _read(self, resolved: Resolved, slot: ExitStack) -> Resolved | Outcome:
        """The change with its lead as it is now, where that is to be known before anything is posted.

        Raises:
            ResManError: it could not be read.
        """
        context, claim = self._context, self._context.claim
        try:
            if resolved.may_undo() or lost_time.must_read(resolved):
                # In one slot with the post that follows: staff cannot move the lead in between unseen.
                return self._resolver.read(resolved, slot)
            if resolved.must_be_read(context.rules.fresh, outcome_unknown=claim.outcome_unknown):
                return self._resolver.read(resolved)
        except ResManError as error:
            if claim.decided is None or not is_of_the_record(error):
                raise
            # What a person decided is carried out though the lead cannot be read: nothing else would end it.
        return resolved

"""The changes of one property in one run, batch by batch, and what is done where a batch ends in an error."""

from __future__ import annotations

import logging
from collections import Counter
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from domiq_dagster.sync.notifications.templates import Templates
from domiq_dagster.sync.queue.ruled_changes import claim_conversations
from domiq_dagster.sync.rules.batch import Batch
from domiq_dagster.sync.rules.changes import FactReader, unruled_changes
from domiq_dagster.sync.rules.compile import RuleBook, compile_rules, fingerprint
from domiq_dagster.sync.rules.execute import RuleExecutor
from domiq_dagster.sync.rules.facts import Catalogue, Facts, LoggedChange
from domiq_dagster.sync.rules.store import RuledProperty, load_meanings, load_rule_rows

logger = logging.getLogger(__name__)
_CONVERSATIONS = 200
_CHANGES = 500


class PropertyRun:
    """What one run does at one property.

    Attributes:
        ruled: the property.
        counts: what was done so far, by the names of `run.COUNTS` and `RuleOutcome`.
        left: conversations that somebody else was changing, or that the database refused.
        waits: a sentence about why its changes wait, if they do.
    """

    def __init__(
        self, engine: Engine, ruled: RuledProperty, catalogue: Catalogue, templates: Templates
    ) -> None:
        self.ruled = ruled
        self.counts: Counter[str] = Counter()
        self.left: set[UUID] = set()
        self.waits: str | None = None
        self._engine = engine
        self._catalogue = catalogue
        self._templates = templates
        self._book: RuleBook | None = None
        self._book_of = ""
        self._size = _CONVERSATIONS
        # Whether the next batch guards each rule by itself, since the last one ended in an error.
        self._careful = False
        self._claimed: list[UUID] = []

    def run_batch(self) -> bool:
        """Runs the rules for one batch of changes, in one transaction.

        A batch that ends in an error is done again with care, each rule by itself. Where the database
        refuses it even so for a reason that may pass, its conversations are taken one by one, and the one
        that it refuses is left for the next run.

        Returns:
            Whether there may be another batch.

        Raises:
            Exception: an error that is not one rule's or one conversation's.
        """
        try:
            with self._engine.begin() as connection:
                counts = self._run(connection)
        except Exception as error:
            if not self._may_go_on_after(error):
                raise
            return True
        self._careful = False
        self.counts.update(counts or {})
        return counts is not None

    def _may_go_on_after(self, error: Exception) -> bool:
        """Chooses how the batch that ended in this error is tried again, if it is."""
        passing = isinstance(error, OperationalError)
        connection_lost = isinstance(error, DBAPIError) and error.connection_invalidated
        if connection_lost or not self._claimed or (self._careful and not passing):
            return False
        if not self._careful:
            self._careful = True
        elif self._size > 1:
            self._size = 1
        else:
            logger.warning("rules of %s: a conversation is left for the next run", self.ruled.partition_key)
            self.left.update(self._claimed)
            self._size = _CONVERSATIONS
        return True

    def _run(self, connection: Connection) -> Counter[str] | None:
        """What a batch counted; None where there was nothing left to look at."""
        self._claimed = []
        book = self._rule_book(connection)
        if book.needs.zone and self.ruled.zone is None:
            self.waits = f"{self.ruled.zone_problem}; until then its changes wait for the rules"
            return None
        self._claimed = claim_conversations(
            connection, self.ruled.property_id, self.ruled.connected_at, skipped=self.left, most=self._size
        )
        if not self._claimed:
            return None
        changes = unruled_changes(connection, self.ruled, self._claimed, most=_CHANGES)
        facts, busy = self._facts(connection, book, changes)
        self.left |= busy
        executor = RuleExecutor(connection, self.ruled, book, self._templates, careful=self._careful)
        batch = Batch(connection, self.ruled.property_id, executor, facts)
        # A move that a rule makes is logged behind all of these, so they can be taken as they were read.
        batch.run([change for change in changes if change.conversation_id not in busy])
        return batch.counts

    def _facts(
        self, connection: Connection, book: RuleBook, changes: list[LoggedChange]
    ) -> tuple[dict[UUID, Facts], set[UUID]]:
        """The facts of the changes that trigger a rule, whose conversations stay locked; and the
        conversations that somebody else is changing just now."""
        triggering = [change for change in changes if change.new_status in book.by_trigger]
        reader = FactReader(connection, self._catalogue, book.needs, self.ruled.zone)
        facts = reader.read(triggering, lock=True)
        busy = {change.conversation_id for change in triggering if change.change_id not in facts}
        return facts, busy

    def _rule_book(self, connection: Connection) -> RuleBook:
        """The property's rules, understood anew only where they have changed since the last batch."""
        rows = load_rule_rows(connection, self.ruled.property_id)
        found = fingerprint(rows)
        if self._book is None or self._book_of != found:
            meanings = load_meanings(connection, self.ruled.property_id)
            self._book = compile_rules(rows, self._catalogue, meanings)
            self._book_of = found
        return self._book

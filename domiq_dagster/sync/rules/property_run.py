"""The changes of one property in one run, batch by batch, and what is done where a batch ends in an error."""

from __future__ import annotations

import logging
from collections import Counter
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from domiq_dagster.sync import trouble
from domiq_dagster.sync.notifications.templates import Templates
from domiq_dagster.sync.queue.ruled_changes import claim_conversations
from domiq_dagster.sync.rules.batch import Batch
from domiq_dagster.sync.rules.changes import FactReader, has_unruled, unruled_changes
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
        left: conversations that wait for the next run: somebody else was changing them, the database did not
            let us look at them just now, or they could not be dealt with.
        faults: those that could not be dealt with, each with why. They are taken up last at each run, so that
            they hold up nobody.
        waits: a sentence about why its changes wait, if they do.
    """

    def __init__(
        self, engine: Engine, ruled: RuledProperty, catalogue: Catalogue, templates: Templates
    ) -> None:
        self.ruled = ruled
        self.counts: Counter[str] = Counter()
        self.left: set[UUID] = set()
        self.faults = trouble.Faults("conversation {}: the rules could not look at its changes")
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
        with engine.connect() as connection:
            keys = trouble.keys_to_take_up(connection, trouble.RULING, ruled.property_id)
        self._parked = [UUID(key) for key in keys]
        self._taken_up: UUID | None = None

    @property
    def problems(self) -> list[str]:
        """A sentence for each conversation that could not be dealt with."""
        key = self.ruled.partition_key
        return [f"{key}: conversation {c}: {said}" for c, said in self.faults.sentences.items()]

    def run_batch(self) -> bool:
        """Runs the rules for one batch of changes, in one transaction.

        A batch that ends in an error is done again with care, each rule by itself. Where it ends in one even
        so, its conversations are taken one by one, and the one at which it does is left for the next run and
        noted, in a transaction of its own: what may pass, such as a lock, may also be met at each run.

        Returns:
            Whether there may be another batch.

        Raises:
            Exception: an error that is no conversation's: what the property's rules are could not be read, or
                the database is gone.
        """
        try:
            with self._engine.begin() as connection:
                counts = self._run(connection)
                self._note_over(connection)
        except Exception as error:
            if trouble.is_lost_database(error) or not self._claimed:
                raise
            self._go_on_after(error)
            return True
        self._careful = False
        self.counts.update(counts or {})
        return counts is not None or self._take_up_parked()

    def _go_on_after(self, error: Exception) -> None:
        """Chooses how the batch that ended in this error is tried again; the conversation that is tried no
        more is left.

        Raises:
            Exception: the error, if it is no conversation's.
        """
        if not self._careful:
            self._careful = True
        elif len(self._claimed) > 1:
            self._size = 1
        elif trouble.is_passing(error) and not isinstance(error, OperationalError):
            raise error  # a grant, say, or a column that is not there
        else:
            key = str(self._claimed[0])
            with self.faults.of(key):
                raise error
            with self._engine.begin() as connection:
                said = {key: self.faults.sentences[key]}
                trouble.note(connection, trouble.RULING, self.ruled.property_id, said)
            self._leave(self._claimed[0])

    def _leave(self, conversation: UUID) -> None:
        self.left.add(conversation)
        self._size = _CONVERSATIONS
        self._careful = False

    def _take_up_parked(self) -> bool:
        """Takes up the next conversation that an earlier run could not deal with, once there is nothing else.
        Returns whether there is one."""
        self._size = 1
        self._taken_up = next((c for c in self._parked if c not in self.left), None)
        self._parked = [c for c in self._parked if c != self._taken_up]
        return self._taken_up is not None

    def _note_over(self, connection: Connection) -> None:
        """What was wrong with the conversation that was taken up is over, if the rules have looked at its
        changes now, or it has none any more."""
        taken = self._taken_up
        if taken is None or taken in self.left:
            return
        if taken in self._claimed or not has_unruled(connection, self.ruled, taken):
            trouble.clear(connection, trouble.RULING, self.ruled.property_id, [str(taken)])

    def _run(self, connection: Connection) -> Counter[str] | None:
        """What a batch counted; None where there was nothing left to look at."""
        self._claimed = []
        book = self._rule_book(connection)
        if book.needs.zone and self.ruled.zone is None:
            self.waits = f"{self.ruled.zone_problem}; until then its changes wait for the rules"
            return None
        self._claimed = claim_conversations(
            connection,
            self.ruled.property_id,
            self.ruled.connected_at,
            skipped=self.left.union(self._parked),
            most=self._size,
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

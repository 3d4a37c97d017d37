"""The intake of a pull: where each answer goes as it comes.

Its prospects are staged, the candidates among them are kept, and those that could not be read are noted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domiq_dagster.resman.errors import ResManError
from domiq_dagster.resman.prospect import Prospect
from domiq_dagster.sync.pull.candidates import CandidateBuffer
from domiq_dagster.sync.pull.staging import Stage
from domiq_dagster.sync.pull.unreadable import UnreadableProspects
from domiq_dagster.sync.pull.windows import Sink


@dataclass(frozen=True, slots=True)
class Intake:
    """What the answers of one pull are taken into."""

    stage: Stage
    candidates: CandidateBuffer
    unreadable: UnreadableProspects

    def sink(self) -> Sink:
        """The intake as a reader sees it."""
        return Sink(
            take=self._take,
            windows_begin=self.stage.keep_ids,
            not_seen=lambda ids: self.unreadable.without_these(self.stage.not_seen(ids)),
            on_unreadable=self.unreadable.note,
        )

    def _take(self, answer: Iterator[Prospect]) -> None:
        """Stages one answer, if it comes whole."""
        try:
            self.stage.take(answer, self._observe, self.unreadable.note_spoiled)
        except ResManError:
            self.candidates.drop()
            raise
        self.candidates.keep()

    def _observe(self, prospects: Sequence[Prospect]) -> None:
        self.candidates.add(prospects)
        self.unreadable.note_read(p.prospect_id for p in prospects)

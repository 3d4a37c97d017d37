"""Where a pull's prospects stand until all that was asked for has come: temporary tables of its session.

Only what differs from what is stored is staged; the rest costs a look into an index and nothing else. An
answer that breaks off leaves nothing staged. Memory holds one piece of the answer, and eight bytes a
prospect.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, pairwise
from uuid import UUID

from psycopg import Connection as PsycopgConnection
from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.prospect import Prospect
from domiq_dagster.sync.statuses import RESMAN_APPLICANT, RESMAN_RESIDENT, status_with_milestone

_QUERIES = load_queries(__package__, "stage.sql")
_PIECE = 2_000
_LEASED = (RESMAN_APPLICANT, RESMAN_RESIDENT)
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True, slots=True)
class Measured:
    """What the staged changes tell: how many were silent (lastModified did not move), and how many seconds
    behind the watermark the latest newcomer lay."""

    silent: int = 0
    late_seconds: float = 0.0


class Stage:
    """The staged prospects of one pull of one property.

    knows_any: whether anything is stored of the property; if not, nothing is compared. keeps_ids: whether it
    is to be known afterwards who came, unchanged ones too.
    """

    def __init__(
        self, connection: Connection, property_id: UUID, *, knows_any: bool, keeps_ids: bool
    ) -> None:
        self._connection = connection
        self._property_id = property_id
        self._knows_any = knows_any
        self.keeps_ids = keeps_ids
        self._came = array("q")
        self.fetched = 0
        self.staged = 0
        self.newest: datetime | None = None
        connection.execute(text(_QUERIES["create_stage"]))
        if not connection.scalar(text(_QUERIES["is_clear"])):
            connection.execute(text(_QUERIES["clear_stage"]))
        connection.commit()

    @property
    def unchanged(self) -> int:
        return self.fetched - self.staged

    def take(self, answer: Iterable[Prospect], look: Callable[[Prospect], None]) -> None:
        """Stages one whole answer, `look`ing at each prospect. If the answer raises, nothing of it stays."""
        staged, newest = self.staged, self.newest
        prospects = iter(answer)
        under_way: Future[None] | None = None
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="stage") as other:
                while piece := list(islice(prospects, _PIECE)):
                    for prospect in piece:
                        look(prospect)
                    if under_way is not None:
                        under_way.result()
                    if len(piece) < _PIECE:
                        self._take_piece(piece)
                        under_way = None
                    else:
                        # The database works on this piece while the next one is read.
                        under_way = other.submit(self._take_piece, piece)
                if under_way is not None:
                    under_way.result()
        except BaseException:
            self._connection.rollback()
            self._discard_from(self.fetched)
            self.staged, self.newest = staged, newest
            raise
        self.fetched = len(self._came)

    def _take_piece(self, piece: list[Prospect]) -> None:
        came = len(self._came)
        self._came.extend([hash(p.prospect_id) for p in piece])
        newest = max(p.last_modified for p in piece)
        self.newest = newest if self.newest is None else max(self.newest, newest)
        places: Iterable[int] = range(len(piece))
        ids = json.dumps([p.prospect_id for p in piece]) if self._knows_any or self.keeps_ids else ""
        if self._knows_any:
            marks = json.dumps([p.content_hash + _effective(p) for p in piece])
            values = {"property_id": self._property_id, "ids": ids, "marks": marks}
            places = [n - 1 for n in self._connection.scalars(text(_QUERIES["changed"]), values)]
        if self.keeps_ids:
            self._connection.execute(text(_QUERIES["see"]), {"ids": ids, "n": came + 1})
        self._copy([_line(_row(piece[place]), came + 1 + place) for place in places])
        self._connection.commit()

    def keep_ids(self) -> None:
        """From now on it is to be known who came; nothing has come yet."""
        self.keeps_ids = True

    def not_seen(self, ids: Sequence[str]) -> list[str]:
        """Which of these did not come."""
        found = self._connection.scalars(text(_QUERIES["not_seen"]), {"ids": list(ids)})
        unseen = list(found)
        self._connection.commit()
        return unseen

    def _copy(self, lines: list[str]) -> None:
        self.staged += len(lines)
        if not lines:
            return
        raw = self._connection.connection.driver_connection
        assert isinstance(raw, PsycopgConnection)
        with raw.cursor() as cursor, cursor.copy(_QUERIES["copy_stage"]) as copy:
            copy.write("".join(lines))

    def _discard_from(self, n: int) -> None:
        del self._came[n:]
        self._connection.execute(text(_QUERIES["discard_staged"]), {"n": n})
        self._connection.execute(text(_QUERIES["discard_seen"]), {"n": n})
        self._connection.commit()

    def measure(self, watermark: datetime | None, covered_since: datetime | None) -> Measured:
        """What the staged changes tell, held against what is stored. Before `store`."""
        if not self._knows_any or not self.staged:
            return Measured()
        values = {"property_id": self._property_id, "watermark": watermark, "covered_since": covered_since}
        row = self._connection.execute(text(_QUERIES["measure_stage"]), values).one()
        return Measured(row.silent, max(0.0, row.late_seconds))

    def store(self, started_at: datetime) -> int:
        """Stores what is staged; the caller commits. Returns how many rows were written."""
        if not self.staged:
            return 0
        values = {"property_id": self._property_id, "started_at": started_at}
        if not self._mark_repeated() and not self._knows_any:
            try:
                with self._connection.begin_nested():
                    return self._connection.execute(text(_QUERIES["insert_stage"]), values).rowcount
            except IntegrityError as error:
                if not isinstance(error.orig, UniqueViolation):
                    raise  # else a push of our own has stored one meanwhile
        return self._connection.execute(text(_QUERIES["merge_stage"]), values).rowcount

    def _mark_repeated(self) -> bool:
        """Marks the staged prospects that came more than once. Returns whether any prospect did."""
        came = sorted(self._came)
        repeated = {one for one, other in pairwise(came) if one == other}
        if repeated:
            staged = self._connection.scalars(text(_QUERIES["staged_ids"]))
            ids = [prospect_id for prospect_id in staged if hash(prospect_id) in repeated]
            self._connection.execute(text(_QUERIES["mark_repeated"]), {"ids": ids})
        return bool(repeated)

    def clear(self) -> None:
        """Empties the tables; the caller commits."""
        if self.staged or self.keeps_ids:
            self._connection.execute(text(_QUERIES["clear_stage"]))


def _row(p: Prospect) -> tuple[str | None, ...]:
    lease = p.lease
    return (
        p.prospect_id,
        p.main_person_id,
        p.status,
        _effective(p),
        p.last_modified.isoformat(),
        p.last_modified_raw,
        p.lost_reason,
        p.transaction_source_id,
        p.agent_id,
        lease.status if lease else None,
        p.content_hash,
    )


def _effective(p: Prospect) -> str:
    return status_with_milestone(p.status, p.lease) if p.status in _LEASED else p.status


def _line(row: Sequence[str | None], n: int) -> str:
    """A row as COPY's text format wants it: no value is an empty text, so that one stands for NULL."""
    line = "\t".join([value or "" for value in row])
    if line.count("\t") != len(row) - 1 or "\\" in line or "\n" in line or "\r" in line:
        line = "\t".join([(value or "").translate(_ESCAPES) for value in row])
    return f"{line}\t{n}\n"

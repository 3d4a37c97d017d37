"""Where a pull's prospects stand until all that was asked for has come: temporary tables of its session.

Only what differs from what is stored is staged; the rest costs a look into an index and nothing else. An
answer that breaks off leaves nothing staged. Memory holds one piece of the answer, and eight bytes a
prospect.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, pairwise
from uuid import UUID

from psycopg import Connection as PsycopgConnection
from psycopg import Error as PsycopgError
from psycopg.errors import UniqueViolation
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from domiq_dagster.db.refusals import values_hidden
from domiq_dagster.db.rows import one_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.prospect import Prospect
from domiq_dagster.sync.patience import READS_LAG
from domiq_dagster.sync.status_map import (
    RESMAN_APPLICANT,
    RESMAN_RESIDENT,
    in_our_spelling,
    status_with_milestone,
)

QUERIES = load_queries(__package__, "staging.sql")
_PIECE = 2_000
_LEASED = (RESMAN_APPLICANT, RESMAN_RESIDENT)
# Of what datetime.fromisoformat took for UTC. To write such an instant anew costs more than reading it did.
_as_postgresql_reads_it = re.compile(r"[0-9-]{10}T[0-9:]{8}(?:\.[0-9]{1,6})?Z").fullmatch
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True, slots=True)
class Measured:
    """What the staged changes tell: how many were silent (lastModified did not move), and how many seconds
    behind the watermark the latest newcomer lay."""

    silent: int = 0
    late_seconds: float = 0.0


class Stage:
    """The staged prospects of one pull of one property.

    Args:
        knows_any: whether anything is stored of the property; if not, nothing is compared.
        keeps_ids: whether it is to be known afterwards who came, unchanged ones too.
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

    def open(self) -> None:
        """Makes the session's temporary tables, or empties them. Commits."""
        self._connection.execute(QUERIES.create_stage)
        if not self._connection.scalar(QUERIES.is_clear):
            self._connection.execute(QUERIES.clear_stage)
        self._connection.commit()

    @property
    def unchanged(self) -> int:
        return self.fetched - self.staged

    def take(
        self,
        answer: Iterable[Prospect],
        observe: Callable[[Sequence[Prospect]], None],
        on_spoiled: Callable[[Prospect, Exception], None],
    ) -> None:
        """Stages one whole answer, having its prospects observed. If the answer raises, nothing of it stays.
        A prospect that cannot be looked at or put in a row is told to `on_spoiled`, and the others are
        staged."""
        staged, newest = self.staged, self.newest
        prospects = iter(answer)
        under_way: Future[None] | None = None
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="stage") as other:
                while piece := list(islice(prospects, _PIECE)):
                    whole = len(piece) == _PIECE
                    piece = _observed(piece, observe, on_spoiled)
                    if under_way is not None:
                        under_way.result()
                    if not whole:
                        self._take_piece(piece, on_spoiled)
                        under_way = None
                    else:
                        # The database works on this piece while the next one is read.
                        under_way = other.submit(self._take_piece, piece, on_spoiled)
                if under_way is not None:
                    under_way.result()
        except BaseException:
            self._connection.rollback()
            self._discard_from(self.fetched)
            self.staged, self.newest = staged, newest
            raise
        self.fetched = len(self._came)

    def _take_piece(self, piece: list[Prospect], on_spoiled: Callable[[Prospect, Exception], None]) -> None:
        came, staged, newest = len(self._came), self.staged, self.newest
        try:
            self._stage_piece(piece)
        except (DBAPIError, PsycopgError):
            raise
        except Exception:
            self._connection.rollback()
            del self._came[came:]
            self.staged, self.newest = staged, newest
            self._stage_piece(_sound(piece, lambda prospect: _row(prospect, 0), on_spoiled))

    def _stage_piece(self, piece: list[Prospect]) -> None:
        if not piece:
            return
        came = len(self._came)
        self._came.extend([hash(p.prospect_id) for p in piece])
        newest = max(p.last_modified for p in piece)
        self.newest = newest if self.newest is None else max(self.newest, newest)
        differing, positions = piece, list(range(len(piece)))
        ids = json.dumps([p.prospect_id for p in piece]) if self._knows_any or self.keeps_ids else ""
        if self._knows_any:
            marks = json.dumps([p.content_hash + _effective(p) for p in piece])
            values = {"property_id": self._property_id, "ids": ids, "marks": marks}
            positions = [n - 1 for n in self._connection.scalars(QUERIES.changed, values)]
            differing = [piece[position] for position in positions]
        if self.keeps_ids:
            self._connection.execute(QUERIES.see, {"ids": ids, "n": came + 1})
        self._copy(differing, [came + 1 + position for position in positions])
        self._connection.commit()

    def note_came(self, ids: Sequence[str]) -> None:
        """These came as well, though nothing of them can be stored."""
        if self.keeps_ids and ids:
            self._connection.execute(QUERIES.see, {"ids": json.dumps(list(ids)), "n": self.fetched})

    def keep_ids(self) -> None:
        """From now on it is to be known who came; nothing has come yet."""
        self.keeps_ids = True

    def not_seen(self, ids: Sequence[str]) -> list[str]:
        """Which of these did not come."""
        found = self._connection.scalars(QUERIES.not_seen, {"ids": list(ids)})
        unseen = list(found)
        self._connection.commit()
        return unseen

    def _copy(self, prospects: Sequence[Prospect], numbers: Sequence[int]) -> None:
        self.staged += len(prospects)
        if not prospects:
            return
        lines = _lines(prospects, numbers)  # before the COPY, which a fault in them would leave aborted
        raw = self._connection.connection.driver_connection
        assert isinstance(raw, PsycopgConnection)
        with values_hidden(), raw.cursor() as cursor, cursor.copy(QUERIES.copy_stage.text) as copy:
            copy.write(lines)

    def _discard_from(self, n: int) -> None:
        del self._came[n:]
        self._connection.execute(QUERIES.discard_staged, {"n": n})
        self._connection.execute(QUERIES.discard_seen, {"n": n})
        self._connection.commit()

    def measure(self, watermark: datetime | None, covered_since: datetime | None) -> Measured:
        """What the staged changes tell, held against what is stored. Before `store`."""
        if not self._knows_any or not self.staged:
            return Measured()
        values = {"property_id": self._property_id, "watermark": watermark, "covered_since": covered_since}
        return one_as(Measured, self._connection.execute(QUERIES.measure_stage, values))

    def store(self, started_at: datetime) -> int:
        """Stores what is staged; the caller commits. Returns how many rows were written."""
        if not self.staged:
            return 0
        values = {"property_id": self._property_id, "started_at": started_at}
        if not self._mark_repeated() and not self._knows_any:
            try:
                with self._connection.begin_nested():
                    return self._connection.execute(QUERIES.insert_stage, values).rowcount
            except IntegrityError as error:
                if not isinstance(error.orig, UniqueViolation):
                    raise  # else a push of our own has stored one meanwhile
        return self._connection.execute(QUERIES.merge_stage, {**values, "reads_lag": READS_LAG}).rowcount

    def _mark_repeated(self) -> bool:
        """Marks the staged prospects that came more than once. Returns whether any prospect did."""
        if len(set(self._came)) == len(self._came):
            return False
        came = sorted(self._came)
        repeated = {one for one, other in pairwise(came) if one == other}
        staged = self._connection.scalars(QUERIES.staged_ids)
        ids = [prospect_id for prospect_id in staged if hash(prospect_id) in repeated]
        self._connection.execute(QUERIES.mark_repeated, {"ids": ids})
        return True

    def clear(self) -> None:
        """Empties the tables; the caller commits."""
        if self.staged or self.keeps_ids:
            self._connection.execute(QUERIES.clear_stage)


def _observed(
    piece: list[Prospect],
    observe: Callable[[Sequence[Prospect]], None],
    on_spoiled: Callable[[Prospect, Exception], None],
) -> list[Prospect]:
    """Looks at a piece; where that raises, at each by itself. Returns those that could be looked at."""
    try:
        observe(piece)
    except Exception:
        return _sound(piece, lambda prospect: observe([prospect]), on_spoiled)
    return piece


def _sound(
    piece: list[Prospect],
    use: Callable[[Prospect], object],
    on_spoiled: Callable[[Prospect, Exception], None],
) -> list[Prospect]:
    """Those with which something can be done without an exception, whatever it is: a fault is that of the
    record in hand."""
    sound = []
    for prospect in piece:
        try:
            use(prospect)
        except Exception as error:
            on_spoiled(prospect, error)
        else:
            sound.append(prospect)
    return sound


def _effective(p: Prospect) -> str:
    return (
        status_with_milestone(p.status, p.lease)
        if in_our_spelling(p.status) in _LEASED
        else in_our_spelling(p.status)
    )


def _lines(prospects: Sequence[Prospect], numbers: Iterable[int]) -> str:
    """Rows as COPY's text format wants them: no value is an empty text, so that one stands for NULL."""
    rows = [_row(p, n) for p, n in zip(prospects, numbers, strict=True)]
    lines = "\n".join(["\t".join(row) for row in rows])
    tabs, breaks = (len(rows[0]) - 1) * len(rows), len(rows) - 1
    if lines.count("\t") != tabs or lines.count("\n") != breaks or "\\" in lines or "\r" in lines:
        lines = "\n".join(["\t".join([value.translate(_ESCAPES) for value in row]) for row in rows])
    return f"{lines}\n"


def _row(p: Prospect, n: int) -> tuple[str, ...]:
    lease, raw = p.lease, p.last_modified_raw
    return (
        p.prospect_id,
        p.main_person_id or "",
        in_our_spelling(p.status),
        status_with_milestone(p.status, lease),
        raw if _as_postgresql_reads_it(raw) else p.last_modified.isoformat(),
        raw,
        p.lost_reason or "",
        p.transaction_source_id or "",
        p.agent_id or "",
        (lease.status or "") if lease is not None else "",
        p.content_hash,
        str(n),
    )

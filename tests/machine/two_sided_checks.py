"""What must hold of both sides, said without the engine's own decision.

While anything goes on: what the sync writes into DomIQ is news that ResMan's own life made, each once
(`echo`), no side is told more often than edits explain (`flip-flop`), and nothing that could undo a move of
staff's is sent without a look at it (`overwritten`). At rest: `agreement`, or one of the
reasons that are listed here; the log tells every conversation's status (`replay`); and nothing is written any
more (`unrest`). The rest is as in checks.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from typing import Any
from uuid import UUID

from tests.machine.checks import Broken, Change, Checks
from tests.machine.harness import Harness, SyncedProperty
from tests.machine.resman_model import marks
from tests.machine.resman_staff import StaffedModel, shown

MEANS = {
    "new": "new", "initial_contact": "new", "contacted": "contacted", "engaged": "contacted",
    "qualified": "qualified", "tour_scheduled": "tour_scheduled", "application": "application",
    "leased": "leased", "lost": "lost",
}  # fmt: skip
"""What DomIQ's words mean. The others say nothing of a lead."""
COVERS = {
    "Prospect": {"new", "contacted", "qualified", "tour_scheduled"},
    "Applicant": {"application"},
    "Applicant/Cancelled": {"application", "lost"},
    "Applicant/MovedIn": {"leased"},
    "Resident": {"leased"},
    "Lost": {"lost"},
}
SETS = {
    "Prospect": "contacted", "Applicant": "application", "Applicant/Cancelled": "application",
    "Applicant/MovedIn": "leased", "Resident": "leased", "Lost": "lost",
}  # fmt: skip
_LINKS = """
SELECT l.conversation_id, l.prospect_id, l.is_current, c.status, r.effective_status, l.agreed_at,
       l.agreed_resman_status,
       EXISTS (SELECT FROM domiq_sync.conflict k
               WHERE k.conversation_id = l.conversation_id AND k.resolved_at IS NULL) AS in_conflict
FROM domiq_sync.lead_link l JOIN public.conversation c ON c.id = l.conversation_id
LEFT JOIN domiq_sync.resman_lead r USING (property_id, prospect_id)
WHERE l.property_id = :p ORDER BY c.created_at, c.id
"""
_LOG = """
SELECT g.conversation_id, g.resman_lead_id, g.old_status, g.new_status, g.sync_direction, g.updated_by,
       g.context_data #>> '{sync,resman_status}' AS resman_status, c.status AS present
FROM public.status_sync_log g JOIN domiq_sync.change ch ON ch.change_id = g.id
JOIN public.conversation c ON c.id = g.conversation_id
JOIN domiq_sync.conversation_property cp ON cp.conversation_id = c.id
WHERE cp.property_id = :p ORDER BY ch.seq
"""
_KEPT = ("_expected", "by_hand", "spoken_for", "unlogged", "own_words", "credits", "early")
_TABLES = """
SELECT format('SELECT %L AS name, count(*) AS n, '
              'string_agg(xmin || ctid::text, '','' ORDER BY ctid) AS versions '
              'FROM %I.%I', tablename, schemaname, tablename) AS find
FROM pg_tables WHERE schemaname IN ('public', 'domiq_sync')
AND tablename NOT IN ('pull', 'watermark', 'account', 'account_turn')
"""


class TwoSidedChecks(Checks):
    """Looks at one example's property and at its model of ResMan."""

    _model: StaffedModel

    def __init__(
        self, harness: Harness, synced: SyncedProperty, model: StaffedModel, first: Sequence[str], policy: str
    ) -> None:
        super().__init__(harness, synced, model, first)
        self._policy = policy
        self.unlogged: set[UUID] = set()
        """Conversations that were moved, once, with no trigger to see it: their rows do not follow one from
        the other."""
        self.own_words: set[UUID] = set()
        """Conversations into whose log the application wrote itself, whatever their status was."""
        self.early: set[UUID] = set()
        """Changes from before the property was connected."""
        self.credits: Counter[UUID] = Counter()
        """What else than staff explains a status that the sync sets: a decision by a person, an older
        conversation that speaks again."""

    # While anything goes on

    def _true(self) -> set[tuple[str, str]]:
        return super()._true() | {(k, shown(lead)) for k, lead in self._model.leads.items()}

    def _failed_for_no_reason(self, change: Change) -> bool:
        gone = change.outcome == "lead_not_found" and bool(self._model.gone)
        return not gone and super()._failed_for_no_reason(change)

    def _may_count(self, change: Change) -> bool:
        return bool(self._model.gone)  # the second look at a lead that is not there counts

    def _no_echo(self, changes: list[Change]) -> None:
        log = self.log()
        by_conversation: dict[UUID, list[Any]] = {}
        for row in log:
            by_conversation.setdefault(row.conversation_id, []).append(row)
        for conversation, rows in by_conversation.items():
            self._news_in_order(conversation, rows)
        self._no_needless_telling(log)
        self._nothing_early()
        if self._model.blind:
            raise Broken("overwritten", f"sent without a look at what staff did: {self._model.blind}")

    def _nothing_early(self) -> None:
        """A property that was never pulled is told nothing from before it was connected."""
        if not self.early or self._harness.rows(
            "SELECT FROM domiq_sync.watermark WHERE property_id = :p AND last_pull_at IS NOT NULL",
            p=self._property.id,
        ):
            self.early = set()
            return
        told = {post.change for post in self._model.taken} & {marks(c) for c in self.early}
        if told:
            raise Broken("early", f"told before anything was pulled: {told}")

    # A copy of the database that is put back

    def keep(self) -> dict[str, Any]:
        """What is known of the database as it is now."""
        return deepcopy({name: getattr(self, name) for name in _KEPT})

    def put_back(self, kept: dict[str, Any]) -> None:
        """The database is as it was. What our own posts made of leads meanwhile is news to it."""
        for name, value in deepcopy(kept).items():
            setattr(self, name, value)
        told = {post.change for post in self._model.taken}
        self.early = {change for change in self.early if marks(change) not in told}
        for prospect_id, lead in self._model.leads.items():
            self._model.news[prospect_id].append(shown(lead))
        for conversation in self._property.conversations:
            self.credits[conversation] += 2

    def _news_in_order(self, conversation: UUID, rows: list[Any]) -> None:
        """Each status that the sync set is one to which ResMan's own life brought the lead, later than the
        one it set before (or the same one again, where DomIQ had moved away from it meanwhile)."""
        place: dict[str, int] = {}
        moved = True
        for row in rows:
            if row.sync_direction != "from_resman":
                moved = True
                continue
            lead, status = row.resman_lead_id, row.resman_status
            news = self._model.news[lead]
            if conversation in self.spoken_for and status not in news:
                continue  # what the newer conversation told of the person is news to the older one
            if status not in news:
                raise Broken("echo", f"{status} at {lead} is our own doing, and was applied: {row}")
            since = place.get(lead, -1)
            again = moved or self.credits[conversation] > 0
            later = [n for n, s in enumerate(news) if s == status and (n > since or (again and n == since))]
            if not later:
                raise Broken("flip-flop", f"{status} is old news of {lead} ({news}), and was applied: {row}")
            place[lead], moved = later[0], False

    def _no_needless_telling(self, log: list[Any]) -> None:
        """Changes that the sync logs itself: for a status that no trigger saw, or to undo what staff did."""
        told = Counter(r.conversation_id for r in log if r.updated_by == "system")
        for conversation, times in told.items():
            leads = {r.resman_lead_id for r in log if r.conversation_id == conversation and r.resman_lead_id}
            news = sum(len(self._model.news[lead]) for lead in leads)
            if times > news + 1 + self.credits[conversation]:
                raise Broken("flip-flop", f"the sync told {times} times of {conversation}, for {news} news")

    def log(self) -> list[Any]:
        return self._harness.rows(_LOG, p=self._property.id)

    # At rest

    def both_agree(self) -> None:
        changes = self.changes()
        for link in self.links():
            if not link.is_current:
                continue
            lead = self._model.leads.get(link.prospect_id)
            if lead is None:
                raise Broken("agreement", f"linked with a prospect that is gone: {link}")
            if link.effective_status != shown(lead):
                raise Broken(
                    "agreement", f"ResMan shows {shown(lead)}, we believe {link.effective_status}: {link}"
                )
            last = [c for c in changes if c.conversation_id == link.conversation_id][-1:]
            if not self._settled_difference(link, shown(lead), last):
                raise Broken(
                    "agreement",
                    f"DomIQ says {link.status}, ResMan {shown(lead)}: {link}; last change: {last}",
                )

    def links(self) -> list[Any]:
        return self._harness.rows(_LINKS, p=self._property.id)

    def _settled_difference(self, link: Any, theirs: str, last: list[Change]) -> bool:
        ours = MEANS.get(link.status)
        if ours is None or ours in COVERS[theirs]:
            return True
        if link.in_conflict:
            return self._policy == "manual_review"
        if any(c.sync_status == "failed" for c in last):
            return True  # on record as failed: the divergence is shown
        by_hand = any(
            c.change_id in self.by_hand for c in self.changes() if c.conversation_id == link.conversation_id
        )
        # Told, or settled by hand; ResMan's staff take the step themselves.
        return by_hand or (
            ours in ("application", "leased") and theirs in ("Prospect", "Applicant", "Applicant/Cancelled")
        )

    def may_wait(self, left: list[Change]) -> list[Change]:
        """Of changes that are still open, those that nothing explains."""
        conflicts = {k.conversation_id for k in self.links() if k.in_conflict}
        return [c for c in left if c.conversation_id not in conflicts]

    def replay(self) -> None:
        """The log alone gives each conversation's status, from its first value to its last. What was moved
        with no trigger to see it is logged later, if its conversation speaks for its lead."""
        silent = self.unlogged - {k.conversation_id for k in self.links() if k.is_current}
        by_conversation: dict[UUID, list[Any]] = {}
        for row in self.log():
            by_conversation.setdefault(row.conversation_id, []).append(row)
        for conversation, rows in by_conversation.items():
            if conversation in self.own_words | silent:
                continue
            present = rows[-1].present
            if present in MEANS and rows[-1].new_status != present:
                raise Broken(
                    "replay",
                    f"the log ends at {rows[-1].new_status}, the status is {present}: {conversation}",
                )
            if conversation in self.unlogged:
                continue
            value = rows[0].new_status
            for row in rows[1:]:
                if row.old_status in MEANS and row.old_status != value:
                    raise Broken("replay", f"after {value} the log goes on from {row.old_status}: {row}")
                value = row.new_status

    # Rest

    def written(self) -> dict[str, Any]:
        """The version of every row that a cycle may write, and all that a post alters at ResMan."""
        finds = " UNION ALL ".join(r.find for r in self._harness.rows(_TABLES))
        versions: dict[str, Any] = {r.name: (r.n, r.versions) for r in self._harness.rows(finds)}
        if any(k.in_conflict for k in self.links()):
            for name in ("delivery", "attempt", "resman_lead"):
                del versions[name]
        return {**versions, "ResMan": self._model.snapshot()}

    def at_rest(self, before: dict[str, Any], told: Sequence[str], *, apart_from: str = "") -> None:
        """`told`: what the cycles did."""
        after = self.written()
        moved = {k: (before[k], after[k]) for k in after if after[k] != before[k] and k != apart_from}
        if moved:
            raise Broken("unrest", f"still written after two cycles: {moved}; {'; '.join(told)}")

"""A ResMan in memory, for the state machine: what the client's methods answer, and every fault on demand.

The rules of a post are those of the stand-in (`domiq_dagster/resman/standin/posting.py`), without the wire.
It keeps every post that took effect, in order, so that what must hold at ResMan can be looked up.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from domiq_dagster.resman.config import Guard
from domiq_dagster.resman.errors import (
    BadCredentials,
    Busy,
    Disposition,
    Garbled,
    NoAnswer,
    NotEntitled,
    Refused,
    ResManError,
    ServerFault,
    UnknownSource,
    Unreachable,
)
from domiq_dagster.resman.models import (
    Employee,
    LeadEvent,
    LeadPost,
    LeadRecord,
    Person,
    PickListItem,
    PostedLead,
    Property,
)

T = TypeVar("T")
ZONE = "America/Chicago"
SOURCE, LOST_REASON, AGENT = "source-of-web", "reason-other", "agent-1"
_MOVES_NOTHING = tuple(f"DomIQ status: {word}" for word in ("new", "contacted", "qualified"))
MARKER = re.compile(r"\[DQ-([0-9a-f]{12})([cr]?)\]")

EVENT_IDS = ("edit", "edit, and no answer names one", "ignore", "keep", "refuse")
"""What becomes of a post with the id of an event: it edits that, whether or not answers name their events; a
new one is made of it; nothing comes of it, though it is answered; or it is refused."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What befalls one request. `takes_effect`: 'no', 'yes', or 'late' (ResMan still works on it when the
    client has given up, and is done by the next time that time passes)."""

    error: type[ResManError]
    takes_effect: str = "no"
    retry_after: float | None = None
    description: str | None = None


FAULTS: dict[str, Fault] = {
    "unreachable": Fault(Unreachable),
    "no answer, nothing done": Fault(NoAnswer),
    "no answer, but done": Fault(NoAnswer, "yes"),
    "no answer, done late": Fault(NoAnswer, "late"),
    "server fault": Fault(ServerFault),
    "server fault, but done": Fault(ServerFault, "yes"),
    "server fault that asks to wait": Fault(ServerFault, retry_after=70.0),
    "garbled, nothing done": Fault(Garbled),
    "garbled, but done": Fault(Garbled, "yes"),
    "busy": Fault(Busy, retry_after=40.0),
    "bad credentials": Fault(BadCredentials),
    "not entitled": Fault(NotEntitled),
    "refused": Fault(Refused, description="The Agent is not a leasing agent."),
    "refused for want of a name": Fault(Refused, description="A FirstName is required."),
}
REFUSALS = tuple(name for name, fault in FAULTS.items() if issubclass(fault.error, Refused))
OUTAGES = tuple(name for name in FAULTS if name not in REFUSALS)


@dataclass(slots=True)
class Lead:
    """A prospect with one person."""

    prospect_id: str
    person: Person
    status: str = "Prospect"
    events: list[LeadEvent] = field(default_factory=list)
    modified_at: datetime | None = None
    lease_signed: bool | None = None
    """None: there is no lease."""
    lease_ended: bool = False
    revision: int = 0
    """Counts edits of what else is on the card."""
    staff_moves: int = 0
    """How often staff have moved its status."""
    moves_seen: int = 0
    """How many of those the lead showed when it was last read by itself."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A post that took effect. `change` is how the change's id begins, `step` the marker's last letter."""

    prospect_id: str
    change: str
    step: str
    event_type: str


class ResManModel:
    """One property of one ResMan account. Threads may use it side by side."""

    def __init__(self) -> None:
        self.leads: dict[str, Lead] = {}
        self.taken: list[Taken] = []
        """Every post that took effect, in order."""
        self.asked: Counter[str] = Counter()
        self._reads: deque[Fault | None] = deque()
        self._posts: deque[Fault | None] = deque()
        self.blind: list[Taken] = []
        """Posts that could undo what staff did, sent without a look at it."""
        self.was_restored = False
        """The database was put back: from then on every post needs a look."""
        self.event_ids = EVENT_IDS[0]
        """What a post that names an event does: one of EVENT_IDS."""
        self.outage: Fault | None = None
        """What befalls every request while it lasts."""
        self._late: list[LeadPost] = []
        self._lock = threading.RLock()
        self._ids = 0

    # Faults

    def meets(self, reads: Sequence[str | None], posts: Sequence[str | None]) -> None:
        """What befalls the next requests, one each (None: nothing)."""
        with self._lock:
            self._reads = deque(FAULTS[name] if name else None for name in reads)
            self._posts = deque(FAULTS[name] if name else None for name in posts)

    def answer(self, name: str, *, write: bool, act: Callable[[], T], late: LeadPost | None = None) -> T:
        """What a request leads to: its answer, or the error of the fault that befalls it."""
        with self._lock:
            self.asked[name] += 1
            coming = self._posts if write else self._reads
            fault = (coming.popleft() if coming else None) or self.outage
            if fault is None:
                return act()
            if fault.takes_effect == "yes":
                act()
            elif fault.takes_effect == "late" and late is not None:
                self._late.append(late)
            raise _raised(fault, name, write)

    def catch_up(self) -> None:
        """Time passes: what was still being worked on is done now."""
        with self._lock:
            late, self._late = self._late, []
            for post in late:
                try:
                    self._take(post)
                except Refused as refused:
                    # Nobody is there to be told any more.
                    self.asked[f"{refused.kind} late"] += 1

    def heal(self) -> None:
        """From here on every request is answered."""
        with self._lock:
            self.catch_up()
            self.meets([], [])
            self.outage = None

    # Requests

    def find(self, fits: Callable[[Lead], bool]) -> list[LeadRecord]:
        """The leads that a search finds, as SearchProspects gives them."""
        found = [lead for lead in self.leads.values() if fits(lead)]
        for lead in found:
            lead.moves_seen = lead.staff_moves
        return [
            LeadRecord(lead.prospect_id, lead.status.lower(), (lead.person,), tuple(lead.events))
            for lead in found
        ]

    def post(self, post: LeadPost) -> PostedLead:
        """One PostLeadManagement4_0, faults apart."""
        if bool(post.prospect_id) != bool(post.person_id):
            raise ValueError("an update needs both the prospect's and the person's id")
        if post.prospect_id and (post.email or post.phone or post.move_in_date):
            raise ValueError("a contact field goes out for a prospect that exists")
        lead = self.leads.get(post.prospect_id or "")
        unseen = lead is not None and lead.moves_seen < lead.staff_moves
        if unseen and (self.was_restored or post.event.reasons not in _MOVES_NOTHING):
            blind = MARKER.findall(post.event.comments or "")
            self.blind += [Taken(str(post.prospect_id), *mark, post.event.event_type) for mark in blind]
        return self.answer("post_lead", write=True, act=lambda: self._take(post), late=post)

    def _take(self, post: LeadPost) -> PostedLead:
        lead = self.leads.get(post.prospect_id) if post.prospect_id else None
        if post.prospect_id and (lead is None or lead.person.person_id != post.person_id):
            raise _refusal(Refused, "The Prospect could not be found.")
        self._check(post.event)
        if lead is None:
            lead = self._create(post)
        elif post.first_name and post.last_name:
            lead.person = replace(lead.person, first_name=post.first_name, last_name=post.last_name)
        named = post.event.event_id
        at = next((n for n, e in enumerate(lead.events) if named and e.event_id == named), None)
        if at is not None and self.event_ids == "keep":
            return PostedLead(lead.prospect_id, lead.person.person_id, (str(named),))
        if at is not None and self.event_ids.startswith("edit"):
            event = lead.events[at] = post.event
        else:
            event = replace(post.event, event_id=self._new_id("event"))
            lead.events.append(event)
        self._move(lead, event.event_type, post.customer_type)
        for change, step in MARKER.findall(event.comments or ""):
            self.taken.append(Taken(lead.prospect_id, change, step, event.event_type))
        ids = () if "no answer" in self.event_ids else (str(event.event_id),)
        return PostedLead(lead.prospect_id, lead.person.person_id, ids)

    def _move(self, lead: Lead, event_type: str, customer_type: str) -> None:
        if event_type == "Cancel" and customer_type == "lost":
            lead.status = "Lost"
        elif event_type == "ReActivate" and customer_type == "prospect" and lead.status == "Lost":
            lead.status = "Prospect"

    def _check(self, event: LeadEvent) -> None:
        if event.event_id is not None and self.event_ids == "refuse":
            raise _refusal(Refused, "An EventID cannot be posted.")
        if event.event_type == "Cancel":
            if event.transaction_source != LOST_REASON:
                raise _refusal(Refused, "The Lost Prospect Reason could not be found.")
        elif event.transaction_source not in (None, SOURCE):
            raise _refusal(UnknownSource, "The Transaction Source could not be found for this property.")
        if event.agent_id != AGENT:
            raise _refusal(Refused, "The Agent could not be found for this property.")

    def _create(self, post: LeadPost) -> Lead:
        if not (post.first_name and post.last_name and (post.email or post.phone)):
            raise _refusal(Refused, "A name and an Email or a Phone are required.")
        if not post.event.transaction_source or post.event.event_type == "Cancel":
            raise _refusal(Refused, "A Transaction Source is required.")
        person = Person(
            self._new_id("person"), post.first_name, post.last_name, post.email, post.phone, is_main=True
        )
        lead = Lead(self._new_id("lead"), person)
        self.leads[lead.prospect_id] = lead
        return lead

    def _new_id(self, kind: str) -> str:
        self._ids += 1
        return f"{kind}-{self._ids}"

    # Looking

    def repeated(self) -> list[Taken]:
        """Posts that took effect more than once."""
        return [post for post, times in Counter(self.taken).items() if times > 1]

    def doubled_people(self) -> list[str]:
        """Prospects of people who have another one."""
        seen: Counter[str] = Counter(
            key for lead in self.leads.values() for key in (lead.person.email, lead.person.phone) if key
        )
        return [
            lead.prospect_id
            for lead in self.leads.values()
            if any(key and seen[key] > 1 for key in (lead.person.email, lead.person.phone))
        ]

    def snapshot(self) -> tuple[Any, ...]:
        """All that a post can alter."""
        return (
            len(self.taken),
            tuple((k, lead.status, tuple(lead.events), lead.person) for k, lead in self.leads.items()),
        )


def _raised(fault: Fault, name: str, write: bool) -> ResManError:
    error = fault.error(
        f"{name}: {fault.error.kind}", retry_after=fault.retry_after, description=fault.description
    )
    if error.disposition is Disposition.UNKNOWN and not write:
        error.disposition = Disposition.TRANSIENT
    return error


def _refusal(kind: type[Refused], words: str) -> Refused:
    return kind(words, http_status=200, description=words)


class ModelClient:
    """`ResManClient`'s methods, as far as delivering needs them, answered by a model.

    `guard` surrounds each request, as it does the real client's. `at` is told of each moment at which a
    process may die: 'before the gate', 'request leaves', 'answer comes', 'behind the gate'.
    """

    def __init__(
        self,
        model: ResManModel,
        guard: Guard,
        at: Callable[[str], None],
    ) -> None:
        self._model, self._guard, self._at = model, guard, at

    def together(self, account_id: str) -> AbstractContextManager[None]:
        return self._guard.together(account_id)

    def one_session(self) -> AbstractContextManager[None]:
        return self._guard.one_session()

    def _ask(self, account: str, request: Callable[[], T]) -> T:
        self._at("before the gate")
        with self._guard(account):
            self._at("request leaves")
            try:
                return request()
            finally:
                self._at("answer comes")

    def _search(self, account: str, name: str, fits: Callable[[Lead], bool]) -> list[LeadRecord]:
        model = self._model
        found = self._ask(account, lambda: model.answer(name, write=False, act=lambda: model.find(fits)))
        self._at("behind the gate")
        return found

    def search_by_id(self, account_id: str, property_id: str, prospect_id: str) -> LeadRecord | None:
        found = self._search(account_id, "search_by_id", lambda lead: lead.prospect_id == prospect_id)
        return found[0] if found else None

    def communication_log(
        self, account_id: str, property_id: str, prospect_id: str, *, agent_id: str | None = None
    ) -> tuple[LeadEvent, ...] | None:
        found = self._search(account_id, "communication_log", lambda lead: lead.prospect_id == prospect_id)
        return found[0].events if found else None

    def search_by_email(self, account_id: str, property_id: str, email: str) -> list[LeadRecord]:
        wanted = email.lower()
        return self._search(
            account_id, "search_by_email", lambda lead: (lead.person.email or "").lower() == wanted
        )

    def search_by_phone(self, account_id: str, property_id: str, phone: str) -> list[LeadRecord]:
        return self._search(account_id, "search_by_phone", lambda lead: lead.person.phone == phone)

    def search_by_name(self, account_id: str, property_id: str, first: str, last: str) -> list[LeadRecord]:
        return self._search(
            account_id,
            "search_by_name",
            lambda lead: (lead.person.first_name, lead.person.last_name) == (first, last),
        )

    def post_lead(self, account_id: str, property_id: str, post: LeadPost) -> PostedLead:
        posted = self._ask(account_id, lambda: self._model.post(post))
        self._at("behind the gate")
        return posted

    def _list(self, account: str, name: str, items: list[T]) -> list[T]:
        return self._ask(account, lambda: self._model.answer(name, write=False, act=lambda: items))

    def properties(self, account_id: str) -> list[Property]:
        return self._list(account_id, "properties", [Property(property_of(account_id), "The Place", ZONE)])

    def prospect_sources(self, account_id: str, property_id: str) -> list[PickListItem]:
        return self._list(account_id, "prospect_sources", [PickListItem(SOURCE, "Website")])

    def lost_reasons(self, account_id: str) -> list[PickListItem]:
        return self._list(account_id, "lost_reasons", [PickListItem(LOST_REASON, "Other")])

    def employees(self, account_id: str, property_id: str) -> list[Employee]:
        return self._list(account_id, "employees", [Employee(AGENT, "Example, Cy")])

    def employees_v2(self, account_id: str) -> list[Employee]:
        staff = Employee("person-9", "Cy Example", True, (property_of(account_id),))
        return self._list(account_id, "employees_v2", [staff])


def property_of(account_id: str) -> str:
    """ResMan's id of the one property of an account."""
    return f"property-of-{account_id}"


def marks(change_id: Any) -> str:
    """What `Taken.change` is for a change."""
    return str(change_id.hex[:12])


def order_broken(taken: list[Taken], place: dict[str, tuple[Any, int]]) -> Iterator[tuple[Taken, Taken]]:
    """Pairs of posts of one conversation that took effect in another order than their changes were
    committed. `place` gives conversation and sequence number of each change that is known."""
    newest: dict[Any, tuple[int, Taken]] = {}
    for post in taken:
        if post.change not in place:
            continue
        conversation, seq = place[post.change]
        before = newest.get(conversation)
        if before is not None and before[0] > seq:
            yield before[1], post
        else:
            newest[conversation] = (seq, post)

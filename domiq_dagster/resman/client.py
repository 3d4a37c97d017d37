"""The client for ResMan's two APIs, as the rest of the project sees it.

v2 (JSON) reads; v1 (form POST, MITS XML) reads and writes. The client never retries: each
answer becomes a value or one of the errors in `errors`, and whoever asked decides.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from types import TracebackType

from domiq_dagster.resman.config import Endpoint, Guard, ResManConfig
from domiq_dagster.resman.models import (
    Employee,
    LeadEvent,
    LeadPost,
    LeadRecord,
    PickListItem,
    PostedLead,
    Property,
)
from domiq_dagster.resman.prospect import Prospect, UnreadableProspect
from domiq_dagster.resman.v1 import V1
from domiq_dagster.resman.v2 import V2

__all__ = ["Guard", "ResManClient", "ResManConfig"]


class _Unguarded:
    """Lets every request through."""

    def __call__(self, _account_id: str, _endpoint: Endpoint | None = None) -> AbstractContextManager[None]:
        return nullcontext()

    def together(self, _account_id: str) -> AbstractContextManager[None]:
        return nullcontext()

    def one_session(self) -> AbstractContextManager[None]:
        return nullcontext()


def _now() -> datetime:
    return datetime.now(UTC)


class ResManClient:
    """Everything the project asks of ResMan. One client serves any number of threads.

    Each method raises a `ResManError` when ResMan does not give what was asked for, and ValueError
    for arguments that no request can be made of (a time without offset, an empty search value).

    Args:
        config: where ResMan is and who we are.
        guard: surrounds each HTTP request including the reading of its answer; none by default.
        clock: the time now, aware; for tests.
    """

    def __init__(
        self, config: ResManConfig, *, guard: Guard | None = None, clock: Callable[[], datetime] = _now
    ) -> None:
        self._guard = guard = guard or _Unguarded()
        self._v1 = V1(config, guard, clock)
        self._v2 = V2(config, guard, clock)

    def together(self, account_id: str) -> AbstractContextManager[None]:
        """Surrounds several requests of this thread at one account, between which nobody else's goes: what
        was read just before a post is then as new as it can be."""
        return self._guard.together(account_id)

    def one_session(self) -> AbstractContextManager[None]:
        """Has the guard keep what it works with for all requests of this thread, until the block ends."""
        return self._guard.one_session()

    # v2

    def properties(self, account_id: str) -> list[Property]:
        """All properties of an account."""
        return self._v2.properties(account_id)

    def prospects(
        self,
        account_id: str,
        property_id: str,
        *,
        modified_since: datetime,
        prospect_id: str | None = None,
        first_contact: tuple[datetime, datetime] | None = None,
        on_unreadable: Callable[[UnreadableProspect], None] | None = None,
    ) -> Generator[Prospect, None, None]:
        """The prospects of a property modified since a time (aware; a future one is sent as now).
        `first_contact` asks only for those first met between two times: ResMan may not honour it, so whoever
        asks looks at what came. One that cannot be read is told to `on_unreadable`, and the others follow;
        without it, it raises UnreadableRecord.

        They are streamed: the request is made when the first is asked for, and the guard is held
        until the last was given, an error was raised, or the generator was closed. Only when the
        end is reached without an error has the whole answer been seen, so nothing may be concluded
        from a part of it. Whoever may stop early closes it (`contextlib.closing`), and asks ResMan
        for nothing else of that account meanwhile.
        """
        return self._v2.prospects(
            account_id, property_id, modified_since, prospect_id, first_contact, on_unreadable
        )

    def communication_log(
        self, account_id: str, property_id: str, prospect_id: str, *, agent_id: str | None = None
    ) -> tuple[LeadEvent, ...] | None:
        """The events of one prospect as v2 lists them, which v1 may leave out of a search's answer; None
        where v2 shows no prospect of this id, or no log of it. A word for an event's type that v1 does not
        have is left empty; an event without a readable time is left out. Of the employee whom
        v1 knows by `agent_id` that id is given, whichever of v2's two it is."""
        return self._v2.communication_log(account_id, property_id, prospect_id, agent_id)

    def employees_v2(self, account_id: str) -> list[Employee]:
        """All employees of an account; `id` is the personId, which is not the agent id of v1."""
        return self._v2.employees(account_id)

    def pick_list(self, account_id: str, name: str) -> list[PickListItem]:
        """The items of an account's pick list, such as `LostProspectReason`."""
        return self._v2.pick_list(account_id, name)

    # v1

    def search_by_id(self, account_id: str, property_id: str, prospect_id: str) -> LeadRecord | None:
        """The prospect of this id with its events, or None if ResMan has none (or answers with others)."""
        return self._v1.search_by_id(account_id, property_id, prospect_id)

    def search_by_email(self, account_id: str, property_id: str, email: str) -> list[LeadRecord]:
        """The prospects that ResMan finds by an e-mail address."""
        return self._v1.search(account_id, property_id, {"Email": email})

    def search_by_phone(self, account_id: str, property_id: str, phone: str) -> list[LeadRecord]:
        """The prospects that ResMan finds by a phone number, which is sent as given."""
        return self._v1.search(account_id, property_id, {"Phone": phone})

    def search_by_name(self, account_id: str, property_id: str, first: str, last: str) -> list[LeadRecord]:
        """The prospects that ResMan finds by first and last name."""
        return self._v1.search(account_id, property_id, {"FirstName": first, "LastName": last})

    def search_modified(
        self, account_id: str, property_id: str, start: datetime, end: datetime
    ) -> list[LeadRecord]:
        """The prospects modified between two times (aware). `AnswerTooLarge` asks for a smaller window."""
        return self._v1.search_modified(account_id, property_id, start, end)

    def post_lead(self, account_id: str, property_id: str, post: LeadPost) -> PostedLead:
        """Creates a prospect, or adds an event to one, and gives the ids that ResMan answers with.

        The only write. An error whose disposition is UNKNOWN may hide a post that took effect:
        read back before sending again.
        """
        return self._v1.post_lead(account_id, property_id, post)

    def prospect_sources(self, account_id: str, property_id: str) -> list[PickListItem]:
        """The sources that a property's leads may carry."""
        return self._v1.prospect_sources(account_id, property_id)

    def lost_reasons(self, account_id: str) -> list[PickListItem]:
        """The reasons for which an account loses prospects."""
        return self._v1.lost_reasons(account_id)

    def employees(self, account_id: str, property_id: str) -> list[Employee]:
        """The employees of a property; `id` is what an event's agent_id takes."""
        return self._v1.employees(account_id, property_id)

    def close(self) -> None:
        """Closes idle connections."""
        self._v1.transport.close()
        self._v2.transport.close()

    def __enter__(self) -> ResManClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

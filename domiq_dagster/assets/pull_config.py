"""What somebody who starts a pull may ask for in the run's config."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from domiq_dagster.sync.pull.pull import PullOptions


class PullConfig(dg.Config):
    """How much to ask for."""

    full: bool = Field(default=False, description="Read everything again rather than what changed.")
    since: str | None = Field(
        default=None,
        description="Read from this ISO date on instead of from the watermark, which a later date leaves.",
    )
    believe_short: bool = Field(
        default=False,
        description="Believe a full read though it lacks many prospects that are known: they are gone.",
    )
    dry_run: bool = Field(
        default=False,
        description="Say what would be stored, linked, applied and sent, as observations; write nothing.",
    )

    def options(self, max_accounts: int) -> PullOptions:
        """The same for the engine.

        Args:
            max_accounts: how many ResMan accounts are asked side by side.

        Raises:
            Failure: `since` is no date.
        """
        return PullOptions(
            full=self.full,
            since=_parse_date(self.since),
            believe_short=self.believe_short,
            max_accounts=max_accounts,
        )


def _parse_date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise dg.Failure(f"'{text}' is no ISO date: write it like 2026-03-01.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

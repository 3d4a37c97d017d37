"""What a running `dev` keeps in its state directory for other terminals: where everything is, its log, and
what was broken in its world on purpose."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from domiq_dagster.runtime.files import write_if_different
from domiq_dagster.runtime.home_lock import holder

LOG = "dev.log"
_ENVIRONMENT = "dev.env"
_JOURNAL = "breaks.json"
DAGSTER_UI = "DOMIQ_DEV_DAGSTER"
"""The variable that says where the UI of a running `dev` is."""
_TOLD = (
    "DOMIQ_HOME", "DOMIQ_DATABASE_URL", "RESMAN_V1_URL", "RESMAN_V2_URL", "RESMAN_PARTNER_ID",
    "RESMAN_API_KEY", "DOMIQ_EMAIL_URL", "DOMIQ_SMS_URL", "DOMIQ_SLACK_URL", "DAGSTER_HOME",
    "DAGSTER_PG_URL", DAGSTER_UI,
)  # fmt: skip


class NotRunning(Exception):
    """No `dev` runs in this state directory, or it is not ready yet; the text says what to do."""


class CannotBreak(Exception):
    """It could not be broken, or mended, as was asked; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One thing that was broken on purpose.

    Attributes:
        where: the partition key of the property; empty where it is about all of them.
        mended_at: None while it is broken.
    """

    name: str
    where: str
    broken_at: datetime
    mended_at: datetime | None = None


def tell_environment(home: Path, env: Mapping[str, str]) -> Path:
    """Writes, for other terminals, the variables that lead to the running world, as a file that a shell can
    read. It is its owner's alone, since it has the addresses of databases."""
    lines = [f"export {name}={shlex.quote(env[name])}\n" for name in _TOLD if name in env]
    path = home / _ENVIRONMENT
    write_if_different(path, "".join(lines), mode=0o600)
    return path


def forget_environment(home: Path) -> None:
    """Nothing leads to a world that has ended."""
    (home / _ENVIRONMENT).unlink(missing_ok=True)


def running_environment(home: Path) -> dict[str, str]:
    """The variables that lead to the world of the `dev` that runs in `home`.

    Raises:
        NotRunning: none does, or it is not ready yet.
    """
    kept_by = holder(home)
    if kept_by is None or not kept_by.startswith("dev "):
        raise NotRunning(
            f"No dev is running in {home}: start one with `make dev`, or `domiq-sync dev`, in another "
            "terminal, and say this again."
        )
    try:
        words = shlex.split((home / _ENVIRONMENT).read_text())
    except FileNotFoundError:
        raise NotRunning(f"The {kept_by} in {home} is not ready yet: say this again when it is.") from None
    return dict(word.split("=", 1) for word in words if "=" in word)


def journal(home: Path) -> list[Broken]:
    """What was broken on purpose, and when it was mended; the latest last."""
    try:
        found = json.loads((home / _JOURNAL).read_text())
    except FileNotFoundError:
        return []
    return [
        Broken(
            one["name"],
            one["where"],
            datetime.fromisoformat(one["broken_at"]),
            datetime.fromisoformat(one["mended_at"]) if one["mended_at"] else None,
        )
        for one in found
    ]


def broken_now(home: Path) -> list[Broken]:
    """What is broken on purpose and not yet mended."""
    return [one for one in journal(home) if one.mended_at is None]


def note_broken(home: Path, name: str, where: str = "") -> None:
    """Puts on record that this is broken from now on."""
    if (name, where) not in {(one.name, one.where) for one in broken_now(home)}:
        _write(home, [*journal(home), Broken(name, where, datetime.now(UTC))])


def note_mended(home: Path) -> None:
    """Puts on record that nothing is broken any more."""
    now = datetime.now(UTC)
    _write(home, [replace(one, mended_at=one.mended_at or now) for one in journal(home)])


def _write(home: Path, entries: list[Broken]) -> None:
    rows = [
        {
            "name": one.name,
            "where": one.where,
            "broken_at": one.broken_at.isoformat(),
            "mended_at": one.mended_at.isoformat() if one.mended_at else None,
        }
        for one in entries
    ]
    write_if_different(home / _JOURNAL, json.dumps(rows, indent=1) + "\n")

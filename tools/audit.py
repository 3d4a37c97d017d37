"""Asks an advisory service, by pip-audit, what is known against what constraints.txt pins: `make audit`.

    python -m tools.audit [--required] [--requirements FILE] [what pip-audit understands]

pip-audit takes a version that the service does not know for one without vulnerabilities. A network that shows
only a mirror of PyPI answers so about every version. So it is asked first about a version that is known to be
vulnerable: where nothing is known of that, nothing is known at all.

Ends with 0 where nothing is known against any version, and also where nobody could be asked, which is then
said (with --required it ends with 2); with 1 where a version is vulnerable.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
KNOWN = "flask==0.5"
"""A version of which every advisory service knows something, such as PYSEC-2019-179."""
ACCEPTED: dict[str, str] = {}
"""Advisories that do not concern the sync, each with the reason."""
_NO_ANSWER = re.compile(r"requests\.exceptions\.|pip_audit\._service\.|your network may be blocking")


class CannotAsk(Exception):
    """The advisory service gave no answer; the text says why."""


class CannotRead(Exception):
    """pip-audit could not read what it was given; the text says why."""


@dataclass(frozen=True)
class Answer:
    """What the service said: advisories by version, and those of which it knows nothing."""

    asked: int
    vulnerable: dict[str, list[str]]
    unknown: list[str]


def ask(requirements: Path, options: Sequence[str] = ()) -> Answer:
    """Asks about each version of a file of exact versions."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--requirement",
        str(requirements),
        "--no-deps",
        "--disable-pip",
    ]
    command += ["--format", "json", "--desc", "off", "--progress-spinner", "off", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise (CannotAsk if _NO_ANSWER.search(done.stderr) else CannotRead)(last)
    return understood(json.loads(done.stdout)["dependencies"])


def understood(told: Sequence[dict[str, Any]]) -> Answer:
    """What pip-audit's JSON says of each version."""
    vulnerable = {
        f"{one['name']} {one['version']}": [_worded(advisory) for advisory in one["vulns"]]
        for one in told
        if one.get("vulns")
    }
    return Answer(len(told), vulnerable, [one["name"] for one in told if "skip_reason" in one])


def _worded(advisory: dict[str, Any]) -> str:
    names = ", ".join([advisory["id"], *advisory["aliases"]])
    fixed = ", ".join(advisory["fix_versions"])
    return f"{names}: " + (f"mended in {fixed}" if fixed else "not mended yet")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code, as said above."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.audit", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--required", action="store_true", help="end with 2 where nobody could be asked")
    parser.add_argument("--requirements", type=Path, default=ROOT / "constraints.txt")
    given, options = parser.parse_known_args(arguments)
    for advisory in ACCEPTED:
        options += ["--ignore-vuln", advisory]
    try:
        with tempfile.TemporaryDirectory(prefix="domiq-audit-") as directory:
            known = Path(directory) / "requirements.txt"
            known.write_text(f"{KNOWN}\n", encoding="utf-8")
            if not ask(known, options).vulnerable:
                raise CannotAsk(f"nothing is known of {KNOWN}, which is vulnerable")
        answer = ask(given.requirements, options)
    except CannotAsk as trouble:
        return _not_audited(f"The advisories cannot be had from here ({trouble}).", required=given.required)
    except CannotRead as trouble:
        print(f"{given.requirements} could not be audited: {trouble}", file=sys.stderr)
        return 2
    for version, advisories in answer.vulnerable.items():
        for advisory in advisories:
            print(f"{version}: {advisory}", file=sys.stderr)
    print(f"{answer.asked - len(answer.unknown)} versions audited, {len(answer.vulnerable)} vulnerable.")
    if answer.unknown:
        code = _not_audited(f"Unknown there: {', '.join(answer.unknown)}.", required=given.required)
        return 1 if answer.vulnerable else code
    return 1 if answer.vulnerable else 0


def _not_audited(why: str, *, required: bool) -> int:
    # GitHub shows such a line on the run's page, and not in the log alone.
    mark = "::warning::" if os.environ.get("GITHUB_ACTIONS") == "true" else ""
    print(f"{mark}Not audited: {why}")
    return 2 if required else 0


if __name__ == "__main__":
    sys.exit(main())

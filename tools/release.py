"""What must agree before a release is one: the version in pyproject.toml, the changelog, the chart, the tag.

    python -m tools.release [--tag v1.2.3] [--notes FILE]

Ends with 1 and a line for each disagreement. Without --tag it looks at what must hold at every commit; with
it, also at what must be done just before the tag is set. --notes writes the changelog's section of this
version, for the release's page.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHANGELOG = "CHANGELOG.md"
CHART = Path("deploy") / "helm" / "domiq-sync" / "Chart.yaml"
UNRELEASED = "Unreleased"
NOTHING = "Nothing yet."
"""What stands below `Unreleased` when all of it was released."""
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


def version_of(root: Path) -> str:
    """The version that pyproject.toml states."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return str(settings["project"]["version"])


def sections(changelog: str) -> dict[str, str]:
    """The text below each heading of the changelog, by the heading, the newest first."""
    _, *parts = _HEADING.split(changelog)
    return {heading.strip(): text.strip() for heading, text in zip(parts[::2], parts[1::2], strict=True)}


def disagreements(root: Path, tag: str | None = None) -> list[str]:
    """A sentence for each thing that does not agree with the version, and with the tag if there is one."""
    version = version_of(root)
    found = [] if _VERSION.fullmatch(version) else [f"pyproject.toml: {version} is not of the form 1.2.3."]
    found += _in_changelog(sections((root / CHANGELOG).read_text(encoding="utf-8")), version, tag)
    found += _in_chart(root, version, tag)
    if tag is not None and tag != f"v{version}":
        found.append(
            f"The tag is {tag}, but pyproject.toml states {version}: tag v{version}, or set the version."
        )
    return found


def _in_changelog(told: Mapping[str, str], version: str, tag: str | None) -> list[str]:
    first, *released = told
    found = []
    if first != UNRELEASED:
        found.append(f"{CHANGELOG}: the first section is {first!r}; it must be {UNRELEASED!r}.")
        released.insert(0, first)
    elif tag is not None and told[UNRELEASED] != NOTHING:
        found.append(
            f"{CHANGELOG}: move what stands below {UNRELEASED} to {version}, and write {NOTHING!r} there."
        )
    newest = released[0] if released else ""
    name, _, day = newest.partition(" - ")
    if name != version:
        found.append(
            f"{CHANGELOG}: the newest version is {name or 'missing'}, but pyproject.toml states {version}."
        )
    elif not _is_day(day):
        found.append(f"{CHANGELOG}: write the day of the release as '## {version} - 2026-01-31'.")
    return found


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _in_chart(root: Path, version: str, tag: str | None) -> list[str]:
    """A tree without the chart can be worked on, but not released."""
    if not (root / CHART).is_file():
        return [f"{CHART.as_posix()} is missing."] if tag is not None else []
    chart = yaml.safe_load((root / CHART).read_text(encoding="utf-8"))
    return [
        f"{CHART.as_posix()}: {key} is {chart.get(key)}, but pyproject.toml states {version}."
        for key in ("version", "appVersion")
        if chart.get(key) != version
    ]


def notes(root: Path) -> str:
    """The changelog's section of this version."""
    version = version_of(root)
    told = sections((root / CHANGELOG).read_text(encoding="utf-8"))
    return next(text for heading, text in told.items() if heading.partition(" - ")[0] == version) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """1 where something disagrees."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.release", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--tag", help="the tag that the release has, such as v1.2.3")
    parser.add_argument(
        "--notes", type=Path, help="the file that gets the changelog's section of this version"
    )
    given = parser.parse_args(arguments)
    found = disagreements(ROOT, given.tag)
    for sentence in found:
        print(sentence, file=sys.stderr)
    if found:
        return 1
    if given.notes:
        given.notes.parent.mkdir(parents=True, exist_ok=True)
        given.notes.write_text(notes(ROOT), encoding="utf-8")
    print(f"{given.tag or version_of(ROOT)}: all agree.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`make audit`: pip-audit asks a service that answers as OSV does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_servers.http import Endpoint, HttpServer
from tools import audit


def advisory(name: str, word: str, fixed: str | None) -> str:
    """What a service of OSV's API answers about a vulnerable version."""
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    affected = {
        "package": {"name": name, "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    return json.dumps({"vulns": [{"id": word, "aliases": [f"CVE-of-{word}"], "affected": [affected]}]})


@pytest.fixture
def service() -> Iterator[Endpoint]:
    """A service that knows the version which audits ask about first, and none else."""
    with HttpServer() as end:
        end.answers = [(200, advisory("flask", "PYSEC-2019-179", "1.0"), {}), (200, "{}", {})]
        yield end


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    path = tmp_path / "pinned.txt"
    path.write_text("left==1.0\nright==2.0\n")
    return path


def audited(end: Endpoint, pinned: Path, *options: str) -> int:
    return audit.main(["--requirements", str(pinned), "-s", "osv", "--osv-url", end.url, *options])


def test_an_audit_asks_about_each_version(
    service: Endpoint, pinned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audited(service, pinned, "--required") == 0
    assert capsys.readouterr().out == "2 versions audited, 0 vulnerable.\n"
    asked = [(post.json["package"]["name"], post.json["version"]) for post in service.posts]
    assert asked == [("flask", "0.5"), ("left", "1.0"), ("right", "2.0")]


@pytest.mark.parametrize(("fixed", "worded"), [("2.1", "mended in 2.1"), (None, "not mended yet")])
def test_an_audit_names_what_is_vulnerable_and_ends_with_1(
    service: Endpoint, pinned: Path, capsys: pytest.CaptureFixture[str], fixed: str | None, worded: str
) -> None:
    service.answers.append((200, advisory("right", "PYSEC-1", fixed), {}))
    assert audited(service, pinned) == 1
    told = capsys.readouterr()
    assert told.err == f"right 2.0: PYSEC-1, CVE-of-PYSEC-1: {worded}\n"
    assert told.out == "2 versions audited, 1 vulnerable.\n"


def test_an_advisory_that_is_accepted_is_none(
    service: Endpoint, pinned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answers.append((200, advisory("right", "PYSEC-1", None), {}))
    monkeypatch.setitem(audit.ACCEPTED, "PYSEC-1", "It is about Windows.")
    assert audited(service, pinned) == 0


@pytest.mark.parametrize("answer", [(200, "{}", {}), (503, "", {}), None])
def test_an_audit_that_was_none_says_so_and_fails_only_where_it_is_required(
    service: Endpoint,
    pinned: Path,
    capsys: pytest.CaptureFixture[str],
    answer: tuple[int, str, dict[str, str]] | None,
) -> None:
    service.answers = [answer]
    assert audited(service, pinned) == 0
    told = capsys.readouterr()
    assert re.fullmatch(r"Not audited: The advisories cannot be had from here \(.+\)\.\n", told.out)
    assert told.err == ""
    assert audited(service, pinned, "--required") == 2


def test_github_shows_that_nothing_was_audited(
    service: Endpoint, pinned: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    service.answers = [None]
    assert audited(service, pinned) == 0
    assert capsys.readouterr().out.startswith("::warning::Not audited: ")


def test_what_cannot_be_read_is_no_audit(
    service: Endpoint, pinned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pinned.write_text("left>=1.0\n")
    assert audited(service, pinned) == 2
    assert re.match(rf"{re.escape(str(pinned))} could not be audited: .*left", capsys.readouterr().err)

"""The supply chain: what the workflows run, what Dependabot watches, what is pinned, and what a release must
agree on."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import audit, bench_release
from tools.release import CHANGELOG, CHART, NOTHING, ROOT, disagreements, main, notes, version_of

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())
PINNED = re.compile(r"uses: ([\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$")
KINDS = {
    "pip": ("pyproject.toml",),
    "github-actions": (".github/workflows/*.y*ml",),
    "docker": ("deploy/**/*[Cc]ontainerfile*", "deploy/**/*[Dd]ockerfile*"),
    "docker-compose": ("deploy/**/compose*.y*ml", "deploy/**/docker-compose*.y*ml"),
}


def workflow(path: Path) -> dict[str, Any]:
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(read, dict)
    return read


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = workflow(path)["jobs"]
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(path).values():
        yield from job.get("steps", ())


def named(path: Path) -> object:
    return path.name


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_each_action_is_pinned_by_its_whole_digest_with_the_version_beside_it(path: Path) -> None:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    own = [line for line in lines if line.startswith("uses: $/")]
    assert [line for line in lines if line not in own and not PINNED.fullmatch(line)] == []
    assert len(lines) == sum("uses" in part for part in [*jobs(path).values(), *steps(path)])
    for line in own:
        assert (ROOT / line.removeprefix("uses: $/")).is_file(), line


def test_an_action_has_one_digest_in_all_workflows() -> None:
    found: dict[str, set[tuple[str, str]]] = {}
    for path in WORKFLOWS:
        for action, digest, version in re.findall(
            PINNED.pattern, path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            found.setdefault(action, set()).add((digest, version))
    assert found
    assert {action: pins for action, pins in found.items() if len(pins) > 1} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_each_job_may_do_what_it_says_alone_and_ends_by_itself(path: Path) -> None:
    assert workflow(path)["permissions"] == {}
    for name, job in jobs(path).items():
        assert "permissions" in job, name
        assert "uses" in job or job["timeout-minutes"] <= 90, name


def test_one_job_may_write_and_it_checks_out_no_code() -> None:
    writing = {
        (path.name, name): job
        for path in WORKFLOWS
        for name, job in jobs(path).items()
        if "write" in job["permissions"].values()
    }
    assert list(writing) == [("release.yaml", "publish")]
    (publish,) = writing.values()
    assert not any("checkout" in step.get("uses", "") for step in publish["steps"])
    assert set(publish["needs"]) == set(jobs(ROOT / ".github/workflows/release.yaml")) - {"check", "publish"}


PROGRAM = """#!/bin/sh
cat >>"$TOLD"
echo "${0##*/} $*" >>"$TOLD"
if test "$1" = copy; then printf 'sha256:0123' >"$3"; fi
"""


def test_what_was_built_is_what_is_published(tmp_path: Path) -> None:
    """The commands of the job that publishes, with programs in the place of the real ones that note how they
    are called, and with what the jobs before have built."""
    programs, here = tmp_path / "bin", tmp_path / "here"
    for name in ("docker", "skopeo", "helm", "gh"):
        programs.mkdir(exist_ok=True)
        (programs / name).write_text(PROGRAM)
        (programs / name).chmod(0o755)
    for name in ("dist/a.whl", "dist/a.tar.gz", "chart/domiq-sync-1.2.3.tgz", "benchmarks-1.2.3.jsonl"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text("")
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "TOLD": str(tmp_path / "told"),
        "GH_TOKEN": "token-of-the-run",
        "GITHUB_ACTOR": "somebody",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_REF_NAME": "v1.2.3",
        "GITHUB_REPOSITORY": "Owner/Sync",
    }
    for step in jobs(ROOT / ".github/workflows/release.yaml")["publish"]["steps"]:
        if "run" in step:
            subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=here,
                env=environment,
                stdin=subprocess.DEVNULL,
                check=True,
            )
    assert (tmp_path / "told").read_text().replace("token-of-the-run", "(token)\n").splitlines() == [
        "(token)",
        "docker login ghcr.io --username somebody --password-stdin",
        "skopeo copy --digestfile digest docker-archive:image.tar docker://ghcr.io/owner/sync:1.2.3",
        "(token)",
        "helm registry login ghcr.io --username somebody --password-stdin",
        "helm push chart/domiq-sync-1.2.3.tgz oci://ghcr.io/owner/sync/charts",
        "gh release create v1.2.3 --repo Owner/Sync --verify-tag --title v1.2.3 --notes-file notes.md "
        "dist/a.tar.gz dist/a.whl chart/domiq-sync-1.2.3.tgz sbom.cdx.json benchmarks-1.2.3.jsonl",
    ]
    assert (tmp_path / "output").read_text() == "image=ghcr.io/owner/sync\ndigest=sha256:0123\n"


def test_ci_runs_on_each_python_that_is_supported() -> None:
    matrix = jobs(ROOT / ".github/workflows/ci.yaml")["test"]["strategy"]["matrix"]["python"]
    told = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if " :: Python :: 3." in line]
    allowed = Requirement(f"python{PROJECT['requires-python']}").specifier
    assert matrix == told == [f"3.{minor}" for minor in range(40) if Version(f"3.{minor}") in allowed]


def test_each_target_that_a_workflow_makes_is_one() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    made = {
        word
        for path in WORKFLOWS
        for step in steps(path)
        for line in step.get("run", "").splitlines()
        if line.split()[0] == "make"
        for word in shlex.split(line)[1:]
        if "=" not in word
    }
    assert {"dist", "sbom", "audit", "release-check", "bench-release"} <= made <= targets


def test_dependabot_watches_each_kind_of_dependency_that_is_here() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    watched = {(update["package-ecosystem"], update["directory"]) for update in updates}
    here = {
        (kind, _directory(kind, path))
        for kind, patterns in KINDS.items()
        for pattern in patterns
        for path in ROOT.glob(pattern)
    }
    assert {("pip", "/"), ("github-actions", "/")} <= here <= watched
    assert all(update["groups"] and update["cooldown"]["default-days"] >= 7 for update in updates)


def _directory(kind: str, path: Path) -> str:
    inside = path.parent.relative_to(ROOT).as_posix()
    return "/" if inside == "." or kind == "github-actions" else f"/{inside}"


def test_the_sbom_is_of_what_the_image_installs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    installed = re.findall(r"\[[\w,]+\]", (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8"))
    assert len(installed) == 1
    assert f"EXTRAS := {installed[0].strip('[]')}\n" in makefile
    assert "$(WHEELS) 'domiq-dagster[$(EXTRAS)]'" in makefile
    assert "-w $(WHEELS) '.[$(EXTRAS)]'" in makefile


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    return {canonicalize_name(name): Version(v) for name, _, v in (line.partition("==") for line in lines)}


def test_each_dependency_is_pinned_within_its_bounds() -> None:
    pinned = pins()
    asked = [
        *PROJECT["dependencies"],
        *(text for extra in PROJECT["optional-dependencies"].values() for text in extra),
    ]
    for requirement in map(Requirement, asked):
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_whatever_a_dependency_brings_along_is_pinned_too() -> None:
    seen: set[str] = set()
    waiting = [Requirement("domiq-dagster[dev,embedded,k8s,docker,celery,otel]")]
    while waiting:
        requirement = waiting.pop()
        for extra in ("", *sorted(requirement.extras)):
            key = f"{canonicalize_name(requirement.name)}[{extra}]"
            if key in seen:
                continue
            try:
                needs = distribution(requirement.name).requires or []
            except PackageNotFoundError:  # of another system or Python
                continue
            seen.add(key)
            for need in map(Requirement, needs):
                if need.marker is None or need.marker.evaluate({"extra": extra}):
                    waiting.append(need)
    names = {key.partition("[")[0] for key in seen} - {"domiq-dagster", "pip"}  # pip is the environment's own
    assert len(names) > 100
    assert names - set(pins()) == set()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What a release looks at, of a version that could be tagged as v0.2.0."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0.2.0"\n')
    (tmp_path / CHANGELOG).write_text(
        f"# Changelog\n\n## Unreleased\n\n{NOTHING}\n\n## 0.2.0 - 2027-02-28\n\n### Added\n\n- A thing.\n\n"
        "## 0.1.0 - 2026-11-30\n\nThe first.\n"
    )
    (tmp_path / CHART).parent.mkdir(parents=True)
    (tmp_path / CHART).write_text('name: domiq-sync\nversion: 0.2.0\nappVersion: "0.2.0"\n')
    return tmp_path


def test_this_tree_agrees_with_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0, capsys.readouterr().err


def test_a_tag_where_all_agree_is_let_pass(tree: Path) -> None:
    assert disagreements(tree, "v0.2.0") == []
    assert notes(tree) == "### Added\n\n- A thing.\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("pyproject.toml", "0.2.0", "0.2.0rc1", "0.2.0rc1 is not of the form 1.2.3"),
        ("pyproject.toml", "0.2.0", "0.3.0", "the newest version is 0.2.0, but pyproject.toml states 0.3.0"),
        (CHANGELOG, "## 0.2.0 - 2027-02-28", "## 0.2.0", "write the day of the release"),
        (CHANGELOG, "2027-02-28", "2027-02-29", "write the day of the release"),
        (CHANGELOG, "## Unreleased\n\nNothing yet.\n\n", "", "the first section is '0.2.0 - 2027-02-28'"),
        (CHANGELOG, "## 0.2.0 - 2027-02-28", "## 0.2.1 - 2027-02-28", "the newest version is 0.2.1"),
        (str(CHART), "version: 0.2.0", "version: 0.1.0", "version is 0.1.0"),
        (str(CHART), 'appVersion: "0.2.0"', 'appVersion: "0.1.0"', "appVersion is 0.1.0"),
        (str(CHART), 'appVersion: "0.2.0"', "", "appVersion is None"),
    ],
)
def test_what_disagrees_with_the_version_is_named(
    tree: Path, file: str, old: str, new: str, said: str
) -> None:
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new, 1))
    assert [sentence for sentence in disagreements(tree) if said in sentence]


def test_a_changelog_without_a_version_is_told_so(tree: Path) -> None:
    (tree / CHANGELOG).write_text(f"# Changelog\n\n## Unreleased\n\n{NOTHING}\n")
    assert disagreements(tree) == [
        "CHANGELOG.md: the newest version is missing, but pyproject.toml states 0.2.0."
    ]


def test_a_tag_of_another_version_is_refused(tree: Path) -> None:
    assert disagreements(tree, "v0.2.1") == [
        "The tag is v0.2.1, but pyproject.toml states 0.2.0: tag v0.2.0, or set the version."
    ]


def test_what_is_unreleased_may_stand_there_until_a_tag_is_set(tree: Path) -> None:
    text = (tree / CHANGELOG).read_text()
    (tree / CHANGELOG).write_text(text.replace(NOTHING, "### Added\n\n- A newer thing."))
    assert disagreements(tree) == []
    assert disagreements(tree, "v0.2.0") == [
        "CHANGELOG.md: move what stands below Unreleased to 0.2.0, and write 'Nothing yet.' there."
    ]


def test_a_tree_without_the_chart_cannot_be_released(tree: Path) -> None:
    shutil.rmtree(tree / "deploy")
    assert disagreements(tree) == []
    assert disagreements(tree, "v0.2.0") == ["deploy/helm/domiq-sync/Chart.yaml is missing."]


def test_a_disagreement_ends_the_check_with_1_and_writes_no_notes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--tag", "v99.0.0", "--notes", str(tmp_path / "notes.md")]) == 1
    assert f"The tag is v99.0.0, but pyproject.toml states {version_of(ROOT)}" in capsys.readouterr().err
    assert not (tmp_path / "notes.md").exists()


def test_a_version_that_the_service_does_not_know_is_not_taken_for_audited() -> None:
    said = [{"name": "left", "skip_reason": "not found"}, {"name": "right", "version": "2.0", "vulns": []}]
    assert audit.understood(said) == audit.Answer(asked=2, vulnerable={}, unknown=["left"])


def test_the_benchmarks_of_a_release_are_there() -> None:
    assert [
        name for name in bench_release.BENCHMARKS if not (ROOT / "benchmarks" / f"{name}.py").is_file()
    ] == []


def test_a_benchmarks_figures_are_kept_with_how_it_ended() -> None:
    told = bench_release.run([sys.executable, "-c", "print('{\"rate\": 3}'); raise SystemExit(1)"])
    assert (told["exit_code"], told["result"]) == (1, {"rate": 3})


def test_a_benchmark_without_figures_is_told() -> None:
    with pytest.raises(bench_release.NoFigures, match=r"^ended with 3 and without one line of JSON$"):
        bench_release.run([sys.executable, "-c", "print('no'); raise SystemExit(3)"])


def test_a_benchmark_that_is_none_of_a_release_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bench_release.main(["push_rat"])
    assert ended.value.code == 2
    assert "no benchmark of a release: push_rat" in capsys.readouterr().err

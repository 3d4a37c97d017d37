"""Builds the documents as a site and checks it: `make docs`. Ends with 1 and a line each for what is wrong.

The pages are gathered first: those of docs/, and those that lie at the root, since that is where people look
for them. Links between them, and to files of the repository, are made to fit where each comes to lie; such
files are taken along under files/. Zensical builds with its strict mode on. What came of it is then looked
at as a browser would: every link and picture leads somewhere, to an anchor that is there, and nothing is
loaded from elsewhere.

A picture in Mermaid would need a script that is fetched from elsewhere, so on the site its text is folded
away; the lists below each say the same.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "docs"
"""Where the pages are gathered; the site is its folder `site`."""
SETTINGS, STYLE = "zensical.toml", "site.css"
AT_ROOT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
_MERMAID = re.compile(r"\A```mermaid\n(.*)^```\Z", re.MULTILINE | re.DOTALL)
_IMPORT = re.compile(r"(?:@import\s+|url\()[\"']?(?:https?:)?//")


def gather(into: Path) -> None:
    """Writes all pages below `into`, with the files that they link to."""
    for page in pages():
        place = into / placed(page)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(fitted(page, into), encoding="utf-8")
    shutil.copyfile(ROOT / "docs" / STYLE, into / STYLE)


def pages() -> Iterator[Path]:
    """The pages of the repository that are on the site."""
    yield from sorted((ROOT / "docs").rglob("*.md"))
    yield from (ROOT / name for name in AT_ROOT)


def placed(path: Path) -> Path:
    """Where a file of the repository lies on the site."""
    inside = path.relative_to(ROOT)
    if inside.name == "README.md":
        inside = inside.with_name("index.md")
    if inside.parts[0] == "docs":
        return inside.relative_to("docs")
    return inside if str(inside) in (*AT_ROOT, "index.md") else Path("files") / inside


def fitted(page: Path, into: Path) -> str:
    """The text of a page with its links as they are on the site; what they name beside pages is copied."""

    def link(found: re.Match[str]) -> str:
        target, sign, anchor = found[2].partition("#")
        if not target or urlsplit(target).scheme:
            return found[0]
        file = (page.parent / target).resolve()
        if file.is_file() and file.suffix != ".md":
            copy = into / placed(file)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        there = os.path.relpath(placed(file), placed(page).parent)
        return f"{found[1]}{there}{sign}{anchor}{found[3]}"

    parts = _FENCED.split(page.read_text(encoding="utf-8"))
    parts[::2] = [_LINK.sub(link, part) for part in parts[::2]]
    parts[1::2] = [_folded(part) for part in parts[1::2]]
    return "".join(parts)


def _folded(block: str) -> str:
    found = _MERMAID.match(block)
    if found is None:
        return block
    told = textwrap.indent(f"```text\n{found[1]}```", "    ")
    return f'??? note "The picture, as text"\n\n{told}'


@dataclass
class Page(HTMLParser):
    """What one page of the site has and asks for.

    Attributes:
        anchors: the ids in it.
        links: what it leads to.
        loads: what a browser fetches to show it.
    """

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.anchors.add(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and "href" in found:
            self.loads.append(found["href"])
        elif "src" in found:
            self.loads.append(found["src"])


def read_site(site: Path) -> dict[Path, Page]:
    """Every page of a built site, by its file."""
    read = {}
    for file in sorted(site.rglob("*.html")):
        page = Page()
        page.feed(file.read_text(encoding="utf-8"))
        read[file] = page
    return read


def faults(site: Path) -> list[str]:
    """What is wrong with a built site, a line each."""
    read = read_site(site)
    wrong = [
        f"{file.relative_to(site)}: {sentence}"
        for file, page in read.items()
        for sentence in _faults_of(site, file, page, read)
    ]
    for style in sorted(site.rglob("*.css")):
        if _IMPORT.search(style.read_text(encoding="utf-8")):
            wrong.append(f"{style.relative_to(site)}: loads something from elsewhere")
    return wrong


def _faults_of(site: Path, file: Path, page: Page, read: Mapping[Path, Page]) -> Iterator[str]:
    for address in page.loads:
        parts = urlsplit(address)
        if parts.scheme not in ("", "data") or parts.netloc:
            yield f"loads {address}, which is elsewhere"
    for address in [*page.links, *page.loads]:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        base = site if parts.path.startswith("/") else file.parent
        there = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else file
        if there.is_dir():
            there /= "index.html"
        if not there.is_file():
            yield f"{address} leads nowhere"
        elif parts.fragment and there in read and unquote(parts.fragment) not in read[there].anchors:
            yield f"{address} leads to no anchor"


def main() -> int:
    """The exit code."""
    shutil.rmtree(BUILD, ignore_errors=True)
    gather(BUILD / "pages")
    shutil.copyfile(ROOT / SETTINGS, BUILD / SETTINGS)
    program = Path(sys.executable).with_name("zensical")
    built = subprocess.run([str(program), "build", "--strict", "--clean"], cwd=BUILD, check=False)
    if built.returncode:
        return built.returncode
    wrong = faults(BUILD / "site")
    print("\n".join(wrong) or f"The site is in {(BUILD / 'site').relative_to(ROOT)}.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

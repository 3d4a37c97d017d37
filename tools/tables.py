"""Writes docs/tables.md from what the database says of its tables (COMMENT ON), with the sample queries of
tools/tables.sql: `make tables`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from domiq_dagster.db.comments import CommentsError, Table, described_tables

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tables.md"
SAMPLES = Path(__file__).with_suffix(".sql")
_MARK = "-- name: "
_PARTS = {
    "public.sql": ("DomIQ's tables and the design's", "public"),
    "150_comments_on_properties.sql": ("Properties, accounts, the status map", "domiq_sync"),
    "151_comments_on_changes.sql": ("Changes and their way to ResMan", "domiq_sync"),
    "152_comments_on_leads.sql": ("Leads, links, pulls", "domiq_sync"),
    "153_comments_on_rules.sql": ("Workflow rules and notices", "domiq_sync"),
    "155_comments_on_reports.sql": ("Daily figures and reports", "domiq_sync"),
    "154_comments_on_operations.sql": ("Alerts, workers, and what went wrong", "domiq_sync"),
}
"""The heading of what each file of comments is about, and the schema of its tables."""
_HEAD = """\
<!-- Generated: make tables -->

# The tables

What the sync reads and keeps, table by table. The database says the same of schema `domiq_sync`:
`\\d+ domiq_sync.change` in psql, or any tool that shows comments. All samples only read. Times are
`timestamptz`, shown in your session's zone.

Read these tables, and change rows only where a page of these documents says so: what writes to them is
checked against each other. No name, e-mail address or phone number of a lead is in any of `domiq_sync`, but
for what the application wrote into the log, in its archive ([security](security.md)).
"""


class CannotWrite(Exception):
    """The page cannot be written; the text says what to do."""


def read_samples(text: str) -> dict[str, tuple[str, str]]:
    """The question and the query of each sample, by the name of its table without schema.

    Raises:
        CannotWrite: a sample has no question, or a name is given twice.
    """
    samples = {}
    for part in f"\n{text}".split(f"\n{_MARK}")[1:]:
        name, question, query = part.split("\n", 2)
        if name in samples:
            raise CannotWrite(f"{SAMPLES.name} has two samples named {name}.")
        if not question.startswith("-- "):
            raise CannotWrite(f"Say in a comment what the sample {name} of {SAMPLES.name} answers.")
        samples[name] = (question.removeprefix("-- "), query.strip())
    return samples


def page(tables: Iterable[Table], samples: Mapping[str, tuple[str, str]]) -> str:
    """The whole page.

    Raises:
        CannotWrite: a sample is of no table, or a file of comments has no heading here.
    """
    tables = list(tables)
    if homeless := samples.keys() - {_bare(table) for table in tables}:
        names = ", ".join(sorted(homeless))
        raise CannotWrite(f"{SAMPLES.name} has samples of tables that are not there: {names}.")
    parts = [_HEAD]
    for file, group in groupby(tables, lambda table: table.file):
        if file not in _PARTS:
            raise CannotWrite(f"Give {file} a heading in {Path(__file__).name}.")
        heading, schema = _PARTS[file]
        parts.append(f"## {heading}\n\nSchema `{schema}`.\n")
        parts += [_told(table, samples.get(_bare(table))) for table in group]
    return "\n".join(parts)


def _told(table: Table, sample: tuple[str, str] | None) -> str:
    lines = [f"### {_bare(table)}", "", f"{'View. ' if table.is_view else ''}{_cell(table.words)}.", ""]
    lines += ["| column | type | what it holds |", "|---|---|---|"]
    lines += [
        f"| `{c.name}` | {c.type}{', required' if c.required else ''} | {_cell(c.words)} |"
        for c in table.columns
    ]
    if sample:
        question, query = sample
        lines += ["", question, "", "```sql", query, "```"]
    return "\n".join([*lines, ""])


def _bare(table: Table) -> str:
    return table.name.partition(".")[2]


def _cell(words: str) -> str:
    """Words as Markdown shows them: `*`, `_`, `<` and `|` mean nothing in them."""
    for sign in "\\*_<|":
        words = words.replace(sign, f"\\{sign}")
    return words


if __name__ == "__main__":
    try:
        text = page(described_tables().values(), read_samples(SAMPLES.read_text(encoding="utf-8")))
    except (CannotWrite, CommentsError) as problem:
        sys.exit(str(problem))
    PAGE.write_text(text, encoding="utf-8")

"""No SQL file of the project uses what PostgreSQL 13, the oldest version that must do, does not have."""

import re
from pathlib import Path

import pytest

_FEATURES = {
    "NULLS NOT DISTINCT (15)": r"\bNULLS\s+NOT\s+DISTINCT\b",
    "MERGE (15)": r"\bMERGE\s+INTO\b",
    "CREATE OR REPLACE TRIGGER (14)": r"\bCREATE\s+OR\s+REPLACE\s+(CONSTRAINT\s+)?TRIGGER\b",
    "SQL-standard function body (14)": r"\bBEGIN\s+ATOMIC\b|\bRETURNS\s+[\w.]+\s+RETURN\b",
    "RETURNING OLD or NEW (18)": r"\bRETURNING\s[^;]*\b(old|new)\.",
    "security_invoker (15)": r"\bsecurity_invoker\b",
    "subscripts of jsonb (14)": r"\w(?<!ARRAY)\['",
    "a subquery without an alias (16)": r"\b(?:FROM|JOIN)\s*\((?=\s*SELECT)"
    r"(?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\s*(?:$|;|\)|\b(?:WHERE|GROUP|ORDER|LIMIT|JOIN|LEFT|CROSS|ON)\b)",
    "SEARCH or CYCLE (14)": r"\bSEARCH\s+(DEPTH|BREADTH)\s+FIRST\b|\bCYCLE\s+\w+\s+SET\b",
    "an alias of JOIN USING (14)": r"\bUSING\s*\([^)]*\)\s+AS\b",
    "multirange types (14)": r"\b\w+multirange\b",
    "virtual or NOT ENFORCED (18)": r"\bVIRTUAL\b|\bNOT\s+ENFORCED\b",
    "digits with underscores (16)": r"(?<![\w'])\d+_\d+\b",
} | {
    f"{name}() ({version})": rf"\b{name}\s*\("
    for version, names in {
        14: "date_bin bit_count string_to_table trim_array unistr pg_column_compression",
        15: "regexp_count regexp_instr regexp_like regexp_substr",
        16: "any_value json_array json_arrayagg json_objectagg random_normal array_sample array_shuffle",
        17: "json_table json_exists json_query json_value json_serialize to_bin to_oct merge_action",
        18: "uuidv7 uuidv4 casefold crc32 array_sort array_reverse",
    }.items()
    for name in names.split()
}


def newer_than_13(script: str) -> list[str]:
    """The newer features that a script uses, with the version they came with. Comments do not count."""
    code = re.sub(r"--[^\n]*", "", script)
    return [name for name, pattern in _FEATURES.items() if re.search(pattern, code, re.IGNORECASE)]


REPOSITORY = Path(__file__).parents[2]
SQL_FILES = sorted(
    str(path.relative_to(REPOSITORY))
    for folder in ("sql", "domiq_dagster")
    for path in (REPOSITORY / folder).rglob("*.sql")
)


@pytest.mark.parametrize("path", SQL_FILES)
def test_no_file_uses_what_postgresql_13_does_not_have(path: str) -> None:
    assert newer_than_13((REPOSITORY / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("statement", "feature"),
    [
        ("CREATE UNIQUE INDEX i ON t (a) NULLS NOT DISTINCT", "NULLS NOT DISTINCT (15)"),
        ("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", "MERGE (15)"),
        ("CREATE OR REPLACE TRIGGER t AFTER INSERT ON x", "CREATE OR REPLACE TRIGGER (14)"),
        ("SELECT any_value(a) FROM t", "any_value() (16)"),
        ("CREATE VIEW v WITH (security_invoker = true) AS SELECT 1", "security_invoker (15)"),
        ("CREATE FUNCTION f() RETURNS int RETURN 1", "SQL-standard function body (14)"),
        ("UPDATE t SET a = 1 RETURNING old.a", "RETURNING OLD or NEW (18)"),
        ("SELECT uuidv7()", "uuidv7() (18)"),
        ("SELECT date_bin('1 hour', now(), now())", "date_bin() (14)"),
        ("SELECT context['sync'] FROM t", "subscripts of jsonb (14)"),
        ("SELECT count(*) FROM (SELECT 1) WHERE TRUE", "a subquery without an alias (16)"),
    ],
)
def test_what_is_newer_is_found(statement: str, feature: str) -> None:
    assert newer_than_13(f"-- MERGE in a comment\n{statement};") == [feature]

"""D17: a template ends, makes a text of bounded length, and is read from its directory alone; D5: what is
wrong with it is told with its place, and without a value."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from domiq_dagster.sync.notifications.templates import TemplateProblem, Templates, sandbox

EMAIL = "zebedee@example.com"
VALUES: dict[str, Any] = {
    "lead": {"name": "Zebedee", "first_name": "Zebedee", "email": EMAIL, "phone": "2125550187"},
    "summary": "word " * 2_000,
    "items": list(range(50)),
    "status": "new",
    "property": {"name": "Juniper Flats"},
    **dict.fromkeys(("old_status", "new_status", "changed", "at", "reason", "priority", "urgency", "tour")),
    **dict.fromkeys(("move_in", "next_steps", "link")),
    "key_insights": [],
}
GREEDY = [
    "{{ 'a' * 1000000000 }}",
    "{{ lead.name * 1000000000 }}",
    "{{ [1] * 1000000000 }}",
    "{{ (1,) * 1000000000 }}",
    "{{ 1000000000 * 'a' }}",
    "{{ 9 ** 9 ** 9 }}",
    "{% set n = namespace(x=9) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}{{ n.x }}",
    "{{ 'a'.ljust(1000000000) }}",
    "{{ lead.name.center(width=1000000000) if false else lead.name.zfill(1000000000) }}",
    "{{ 'a'|center(1000000000) }}",
    "{{ lead.name|indent(1000000000, true) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%*d' % (1000000000, 1) }}",
    "{{ '%1000000000d'|format(1) }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ '{:{}}'.format('x', 1000000000) }}",
    "{{ summary.replace('', summary).replace('', summary) }}",
    "{{ summary|replace('o', summary)|replace('o', summary) }}",
    "{{ (range(100000)|list)|join(summary) }}",
    "{{ summary.join(range(100000)|map('string')) }}",
    "{{ range(100000)|join(summary) }}",
    "{{ range(100000)|map('string')|join(summary) }}",
    "{{ '{x:>1000000000}'.format_map({'x': 1}) }}",
    "{% set f = '{:>1000000000}'.format %}{{ f(1) }}",
    "{% set n = namespace(s='ab') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
    "{% set n = namespace(s='ab') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}{{ n.s }}",
    "{% set x %}{% for i in range(100000) %}{{ summary }}{% endfor %}{% endset %}{{ x|length }}",
    "{% for i in range(100000) %}" + "word " * 5_000 + "{% endfor %}",
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "{% for i in range(100000) %}{% for j in range(100000) if false %}{% endfor %}{% endfor %}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% include 'greedy.j2' %}",
    "{{ lipsum(n=100000) }}",
    "{% for i in range(1000000000) %}{% endfor %}",
    "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
    "{{ items|batch(1000000000, summary)|list }}",
    "{{ items|map('center', 1000000000)|list }}",
]


def problem(directory: Path, name: str, kind: str = "email") -> str:
    with pytest.raises(TemplateProblem) as caught:
        Templates(directory).render(name, kind, VALUES)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize("source", GREEDY)
def test_a_greedy_template_is_refused_before_it_takes_much(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", 0.2)
    (tmp_path / "greedy.j2").write_text(
        "{% extends 'default.j2' %}{% block text %}" + source + "{% endblock %}"
    )
    tracemalloc.start()
    try:
        assert problem(tmp_path, "greedy").startswith("template greedy")
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_an_ordinary_template_does_all_that_it_may(tmp_path: Path) -> None:
    (tmp_path / "mine.j2").write_text(
        "{% macro fact(n, v) %}{{ '%-12s'|format(n) }}{{ v }}{% endmacro %}"
        "{{ fact('Name', lead.name.upper()) }}\n"
        "{% for i in items %}{{ i + 1 }}{{ ', ' if not loop.last }}{% endfor %}\n"
        "{{ summary|truncate(20) }} {{ lead.name ~ '!' }} {{ lead.name|center(20) }}\n"
        "{{ '-' * 20 }} {{ 2 ** 10 }}\n"
        "{{ lead.phone[:3] }} {{ '{:>5}'.format(lead.first_name[:2]) }} {{ lead.email.replace('@', ' at ') }}"
    )
    _, text = Templates(tmp_path).render("mine", "email", VALUES)
    assert "Name        ZEBEDEE" in text
    assert "zebedee at example.com" in text


def test_a_file_of_the_directory_alone_is_read(tmp_path: Path) -> None:
    inside, outside = tmp_path / "templates", tmp_path / "secret.j2"
    (inside / "..data").mkdir(parents=True)
    outside.write_text("the key is hunter2")
    (inside / "link.j2").symlink_to(outside)
    (inside / "proc.j2").symlink_to("/proc/self/environ")
    (inside / "circle.j2").symlink_to(inside / "circle.j2")
    os.mkfifo(inside / "pipe.j2")
    (inside / "folder.j2").mkdir()
    (inside / "large.j2").write_text("x" * 300_000)
    (inside / "bytes.j2").write_bytes(b"\xff\xfe")
    for name in ("link", "proc", "circle", "pipe", "folder"):
        assert problem(inside, name) == f"there is no template {name}"
    assert problem(inside, "large") == "template large is larger than 256 kB"
    assert "UnicodeDecodeError" in problem(inside, "bytes")
    assert "file name" in problem(inside, "../secret")
    (inside / "in.j2").write_text("{% include '../secret.j2' %}")
    assert problem(inside, "in") == "there is no template ../secret"
    # A mounted ConfigMap is made of links, all of them inside.
    (inside / "..data" / "good.j2").write_text("well")
    (inside / "good.j2").symlink_to(inside / "..data" / "good.j2")
    assert Templates(inside).render("good", "in_app", VALUES)[1]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("\n{% set m = {} %}{{ m[lead.email] }}", "template bad, line 2: there is no value that it asks for"),
        ("{{ lead.nme }}", "template bad, line 1: there is no value nme"),
        ("{{ leed }}", "template bad, line 1: there is no value leed"),
        ("{{ lead[lead.name] }}", "template bad, line 1: there is no value that it asks for"),
        ("{% include lead.email %}", "there is no template that it asks for"),
        ("{% extends lead.name %}", "there is no template that it asks for"),
        ("{{ lead.email|int + lead.email }}", "template bad, line 1 fails with TypeError"),
        ("{{ dict(a=1)[lead.email].x }}", "template bad, line 1: there is no value that it asks for"),
        ("{{ lead.email.index(lead.phone) }}", "template bad, line 1 fails with ValueError"),
        ("{{ lead.email.encode('ascii').decode(lead.name) }}", "template bad, line 1 fails with LookupError"),
        ("\n\n{% if %}", "template bad, line 3: Expected an expression, got 'end of statement block'"),
        ("{{ lead.email.format_map({}).x }}", "template bad, line 1"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_without_a_value(
    tmp_path: Path, source: str, says: str
) -> None:
    (tmp_path / "bad.j2").write_text(source)
    for kind in ("email", "slack", "sms"):
        told = problem(tmp_path, "bad", kind)
        assert told.startswith(says)
        assert not {"zebedee", "2125550187"} & set(told.lower().replace("@", " ").split())

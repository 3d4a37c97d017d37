"""Notices in words: Jinja2 templates, sandboxed, shipped with the package or from a directory of your own.

A template is one file for all channels, `NAME.j2`, where NAME is a preference's template_id. It extends
`default.j2` and replaces its blocks (headline, subject, facts, text, html, sms, slack, in_app), or stands
alone and is then the whole text. A file in the own directory takes the place of a shipped one of the same
name. The values are listed in docs/notifications.md; one that is misspelled is an error, never an empty line.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, ChoiceLoader, PackageLoader, nodes
from jinja2.exceptions import TemplateNotFound, TemplateSyntaxError, UndefinedError

from domiq_dagster.sync.notifications.templates.sandbox import BoundedEnvironment, DirectoryLoader, TooMuch
from domiq_dagster.sync.status_map import LeadStatus

PARTS = ("subject", "text", "html", "sms", "slack", "in_app")
BODIES = {
    "email": "text",
    "email_html": "html",
    "sms": "sms",
    "slack": "slack",
    "in_app": "in_app",
    "operator": "text",
}
"""Which part is a channel's body."""
SMS_LENGTH = 320
"""Characters: two or three SMS on the bill."""
_SUBJECT_LENGTH = 200
_NAMED = re.compile(r"^'(\w+)' is undefined|has no (?:attribute|element) '?(\w+)'?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
# What a person writes cannot become a link, a mention or a tag in Slack.
_SLACK = str.maketrans({"<": "\u2039", ">": "\u203a", "*": "\u2217", "~": "\u223c", "`": "'"})


DIGEST = "digest"
"""The template of many notices in one."""


class TemplateProblem(Exception):
    """A template cannot be used; the text says which one and why, and names nobody."""


class Templates:
    """The templates of one installation.

    Args:
        directory: the own ones, which come first.
    """

    def __init__(self, directory: Path | None = None) -> None:
        shipped = PackageLoader("domiq_dagster.sync.notifications", "templates")
        loader = ChoiceLoader([DirectoryLoader(directory), shipped]) if directory else shipped
        self._environments = {part: _environment(part, loader) for part in PARTS}

    def render(self, template_id: str | None, kind: str, values: Mapping[str, Any]) -> tuple[str, str]:
        """Subject and body for a channel.

        Args:
            template_id: without one the shipped template of the lead status in `values["status"]` is taken,
                or `default`.
            kind: email, email_html, sms, slack, in_app or operator.

        Raises:
            TemplateProblem: there is no such channel, or the template cannot be rendered.
        """
        if kind not in BODIES:
            raise TemplateProblem(f"there is no channel {kind}")
        status = str(values.get("status") or "")
        name = (template_id or "").strip() or (status if status in set(LeadStatus) else "default")
        subject = " ".join(self._part(name, "subject", values).split())[:_SUBJECT_LENGTH]
        body = self._part(name, BODIES[kind], values)
        if kind == "sms":
            body = _cut(" ".join(body.split()), SMS_LENGTH)
        return subject, _tidy(body)

    def _part(self, name: str, part: str, values: Mapping[str, Any]) -> str:
        if not _NAME.fullmatch(name):
            raise TemplateProblem("the template_id is no file name: letters, digits, _ and - are")
        environment = self._environments[part]
        stem = name.removesuffix(".j2")
        try:
            if part == "subject" and self._stands_alone(stem):
                if stem == DIGEST:  # it tells of many leads, and the default one of one
                    return _shipped()._part(DIGEST, part, values)
                stem = "default"
            return environment.text(f"{stem}.j2", {**values, "part": part})
        except Exception as error:  # a template may raise anything, a RecursionError too
            problem = self._problem(environment, stem, error)
        raise problem

    def _problem(self, environment: BoundedEnvironment, stem: str, error: Exception) -> TemplateProblem:
        """What is wrong, with the place, and without a value: an error's own words may repeat one."""
        if isinstance(error, TemplateNotFound):
            lost = str(error.name or "").removesuffix(".j2")
            # A template may make up the name of what it includes.
            return TemplateProblem(
                f"there is no template {lost if lost == stem else _written(environment, stem, lost)}"
            )
        where = f"template {stem}" + _line_of(error)
        if isinstance(error, TooMuch):
            return TemplateProblem(f"{where} {error}")
        if isinstance(error, TemplateSyntaxError):
            return TemplateProblem(f"{where}: {error.message}")
        if isinstance(error, UndefinedError):
            name = _NAMED.search(error.message or "")
            named = _written(environment, stem, name[1] or name[2]) if name else "it asks for"
            return TemplateProblem(f"{where}: there is no value {named}")
        return TemplateProblem(f"{where} fails with {type(error).__name__}")

    def _stands_alone(self, stem: str) -> bool:
        """Whether the template is a plain text, the same for every part: its subject is then the default one,
        or the shipped one of a digest."""
        environment = self._environments["text"]
        assert environment.loader is not None
        source, _, _ = environment.loader.get_source(environment, f"{stem}.j2")
        tree = environment.parse(source)
        told_apart = any(name.name == "part" for name in tree.find_all(nodes.Name))
        return not (told_apart or tree.find(nodes.Extends) or tree.find(nodes.Block))


def render(
    template_id: str | None, kind: str, values: Mapping[str, Any], templates: Templates | None = None
) -> tuple[str, str]:
    """`Templates.render` with the shipped templates, or those given. Raises TemplateProblem."""
    return (templates or _shipped()).render(template_id, kind, values)


def as_html(text: str) -> str:
    """A plain text as the HTML part of an e-mail, in the shipped frame."""
    return _shipped().render("plain", "email_html", {"text": text, "title": ""})[1]


_SHIPPED: list[Templates] = []


def _shipped() -> Templates:
    if not _SHIPPED:
        _SHIPPED.append(Templates())
    return _SHIPPED[0]


def _written(environment: BoundedEnvironment, stem: str, name: str) -> str:
    """A name, if the template itself has it: one that it took from a value names somebody."""
    assert environment.loader is not None
    try:
        source, _, _ = environment.loader.get_source(environment, f"{stem}.j2")
    except Exception:  # it is gone meanwhile: then nothing is repeated
        return "that it asks for"
    return name if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", source) else "that it asks for"


def _line_of(error: Exception) -> str:
    """The line of the template in which it failed, where that can be told."""
    if isinstance(error, TemplateSyntaxError):
        return f", line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if f.filename.endswith(".j2") or f.filename == "<template>"]
    return f", line {lines[-1]}" if lines and lines[-1] else ""


def _environment(part: str, loader: BaseLoader) -> BoundedEnvironment:
    environment = BoundedEnvironment(
        loader, autoescape=part == "html", shown=_for_slack if part == "slack" else None
    )
    environment.filters["words"] = _words
    return environment


def _for_slack(value: Any) -> Any:
    return value.translate(_SLACK) if isinstance(value, str) else value


def _words(status: Any) -> str:
    """A status as people say it: tour_scheduled becomes tour scheduled."""
    return str(status).replace("_", " ") if status else "no status"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3].rsplit(" ", 1)[0] + "..."


def _tidy(text: str) -> str:
    """Without blank lines at the ends and more than one between."""
    return re.sub(r"\n[ \t]*(?:\n[ \t]*)+\n", "\n\n", text).strip()

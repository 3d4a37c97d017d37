"""Notices in words: Jinja2 templates, sandboxed, shipped with the package or from a directory of your own.

A template is one file for all channels, `NAME.j2`, where NAME is a preference's template_id. It extends
`default.j2` and replaces its blocks (headline, subject, facts, text, html, sms, slack, in_app), or stands
alone and is then the whole text. A file in the own directory takes the place of a shipped one of the same
name. The values are listed in docs/notifications.md; one that is misspelled is an error, never an empty line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined, nodes
from jinja2.exceptions import TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

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
        loader = ChoiceLoader([FileSystemLoader(directory), shipped]) if directory else shipped
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
            return environment.get_template(f"{stem}.j2").render({**values, "part": part})
        except TemplateNotFound as error:
            lost = str(error.name or stem).removesuffix(".j2")
            raise TemplateProblem(f"there is no template {lost}") from None
        except (TemplateSyntaxError, UndefinedError) as error:
            raise TemplateProblem(f"template {stem}: {error.message}") from None
        except Exception as error:
            # A template may raise anything, a RecursionError too; the words of these may repeat a value.
            raise TemplateProblem(f"template {stem} fails with {type(error).__name__}") from None

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


def _environment(part: str, loader: Any) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=part == "html",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_for_slack if part == "slack" else None,
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

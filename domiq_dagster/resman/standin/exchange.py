"""One request and one answer, free of any server's types."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl

JSON: Final = "application/json; charset=utf-8"
XML: Final = "application/xml; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Call:
    """A request as it came in. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_v1(self) -> bool:
        """v1 is POST /<Area>/<Method>; everything else is v2."""
        return self.method == "POST" and len(self.path.strip("/").split("/")) == 2

    def form(self) -> dict[str, str]:
        """The fields of a form body; empty when the body is something else."""
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return {}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json_object(self) -> dict[str, Any]:
        """The JSON object in the body; empty when there is none."""
        try:
            data = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return data if isinstance(data, dict) else {}


@dataclass(frozen=True)
class Answer:
    """An answer. A body of chunks is streamed without a Content-Length. `outcome` is for the request log."""

    status: int
    body: bytes | Iterable[bytes]
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    outcome: str = "Success"


def with_beside(answer: Answer, texts: Sequence[str], opening: bytes, closing: bytes, comma: bytes) -> Answer:
    """An answer in whose list other items stand, as they are written: half of them before its own, half
    after. Surrogate escapes among them become the bytes that they stand for.

    Args:
        opening, closing: where the list begins, first, and ends, last, in the body.
        comma: what stands between two items.
    """
    body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    start = body.find(opening) + len(opening)
    end = body.rfind(closing)
    if answer.status != 200 or start < len(opening) or end < start:
        return replace(answer, body=body)
    items = [text.encode("utf-8", "surrogateescape") for text in texts]
    half = len(items) // 2
    shown = [*items[:half], *filter(None, [body[start:end]]), *items[half:]]
    return replace(answer, body=body[:start] + comma.join(shown) + body[end:])


def json_answer(data: object, status: int = 200, outcome: str = "Success") -> Answer:
    return Answer(status, json.dumps(data).encode(), JSON, outcome=outcome)

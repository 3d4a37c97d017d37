"""Opens a v1 answer: XML or JSON becomes one and the same tree, and its Status is judged.

The tree has lower-case names without namespaces, in elements and attributes alike, so that
whoever reads it need not know in which of its forms ResMan answered.
"""

from __future__ import annotations

import codecs
import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from domiq_dagster.resman import json_text, outcomes
from domiq_dagster.resman.outcomes import Request

LIST = "list"
"""What stands for each item of a list that came as the whole answer, without an envelope."""
_BLANKS = b" \t\r\n"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Whoever wrote an ampersand that begins no reference of XML's own meant an ampersand.
_BARE_AMPERSAND = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9a-fA-F]+);)")
# .NET writes a stray control character of a comment as such a reference, which no XML reader takes.
_REFERENCE = re.compile(rb"&#(?:x0*([0-9a-fA-F]{1,6})|0*([0-9]{1,7}));")
_LEGAL = ((9, 10), (13, 13), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
_DEEPEST = 50
_RAW_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def open_envelope(body: bytes, content_type: str, request: Request, *, payload: str | None = None) -> Element:
    """The root of a successful answer.

    Args:
        payload: the tag of a list that the answer to a read carries; where it is there, and nothing about an
            error, the answer may do without a Status.

    Raises:
        Garbled: it is neither JSON nor XML, or XML with a DTD or entities, or has no Status.
        Refused, UnknownSource, BadCredentials, ServerFault: its Status is not Success.
    """
    root = _tree(body, content_type)
    if root is None:
        raise outcomes.garbled(request, "it is neither ResMan's XML nor its JSON", http_status=200)
    status = text_of(root.find("status"))
    told = text_of(root.find("errordescription"))
    is_bare = status is None and told is None and payload is not None
    if is_bare and any(element.tag in (payload, LIST) for element in root.iter()):
        return root
    if status is None:
        raise outcomes.garbled(request, "it has no Status", http_status=200)
    if status.lower() != "success":
        code = text_of(root.find("errorcode")) or text_of(root.find("code"))
        raise outcomes.from_refusal(told, code, request)
    return root


def text_of(element: Element | None) -> str | None:
    """The text inside an element, stripped; None where there is none."""
    if element is None:
        return None
    return "".join(element.itertext()).strip() or None


def value_of(element: Element | None, name: str) -> str | None:
    """An attribute's value, stripped, or that of a child of this name; None where there is none."""
    if element is None:
        return None
    attribute = element.get(name)
    if attribute is None:
        return text_of(element.find(name))
    return attribute.strip() or None


def _tree(body: bytes, content_type: str) -> Element | None:
    body = _unmarked(body)
    first = body[:1]
    try:
        if first == b"<" or (first not in (b"{", b"[", b'"') and "xml" in content_type.lower()):
            return _from_xml(body)
        data = json_text.loads(body)
        if isinstance(data, str):  # XML in a JSON string, as some .NET services wrap it
            return _from_xml(_unmarked(data.encode("utf-8", "replace")))
        return _from_json(data)
    # ValueError covers broken JSON, forbidden XML and undecodable bytes; LookupError an unknown encoding.
    except (ParseError, ValueError, LookupError):
        return None


def _unmarked(body: bytes) -> bytes:
    """Without byte order marks and blanks at the beginning, where XML lets nothing stand before its
    declaration; in UTF-8 where it was marked as UTF-16."""
    if body.startswith(_UTF_16):
        text = body.decode("utf-16", "replace")
        body = re.sub(r"^\s*<\?xml[^>]*\?>", "", text.lstrip("\ufeff")).encode("utf-8", "replace")
    while (bare := body.lstrip(_BLANKS).removeprefix(codecs.BOM_UTF8)) != body:
        body = bare
    return body


def _from_xml(body: bytes) -> Element:
    try:
        root = _parse(body)
    except ParseError:
        cleaned = _RAW_CONTROL.sub(b"", _REFERENCE.sub(_legal_reference, body))
        cleaned = _BARE_AMPERSAND.sub(b"&amp;", cleaned)
        if cleaned == body and _is_utf_8(body):
            raise
        try:
            root = _parse(cleaned)
        except ParseError:
            if _is_utf_8(cleaned):
                raise
            root = _parse(cleaned.decode("utf-8", "replace").encode())
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(name): value for name, value in element.attrib.items()}
    return root


def _is_utf_8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parse(body: bytes) -> Element:
    root: Element = fromstring(body, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    return root


def _legal_reference(found: re.Match[bytes]) -> bytes:
    code = int(found[1], 16) if found[1] else int(found[2])
    return found[0] if any(first <= code <= last for first, last in _LEGAL) else b""


def _local(name: object) -> str:
    if not isinstance(name, str):
        return ""  # of a comment or an instruction
    return name.rpartition("}")[2].lower()


def _from_json(data: Any) -> Element | None:
    if isinstance(data, list):
        data = {LIST: data}
    if not isinstance(data, dict):
        return None
    for key, value in data.items():
        if key.lower() == "resman" and isinstance(value, dict):
            data = value
            break
    return _element("resman", data)


def _element(tag: str, value: Any, depth: int = 0) -> Element:
    """JSON as an XML-to-JSON converter would have made it, turned back: `@x` is an attribute, `#text` the
    text, a list one element for each item (none leaves an empty element, to show that the key was there).
    What is nested beyond all measure is left out."""
    element = Element(tag)
    if not isinstance(value, dict) or depth > _DEEPEST:
        element.text = _scalar(value)
        return element
    for key, inner in value.items():
        name = key.rpartition(":")[2].lower()
        if key == "#text":
            element.text = _scalar(inner)
        elif name.startswith("@") or key.startswith("@"):
            element.set(name.removeprefix("@"), _scalar(inner))
        elif isinstance(inner, list):
            items = [_element(name, item, depth + 1) for item in inner]
            element.extend(items or [Element(name)])
        else:
            element.append(_element(name, inner, depth + 1))
    return element


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    # A JSON text may hold half a surrogate pair, which neither a database nor a hash takes; nor NUL.
    return str(value).replace("\0", "").encode("utf-8", "replace").decode("utf-8")

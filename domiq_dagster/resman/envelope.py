"""Opens a v1 answer: XML or JSON becomes one and the same tree, and its Status is judged.

The tree has lower-case names without namespaces, in elements and attributes alike, so that
whoever reads it need not know in which of its forms ResMan answered.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from domiq_dagster.resman import outcomes
from domiq_dagster.resman.outcomes import Request

_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# .NET writes a stray control character of a comment as such a reference, which no XML reader takes.
_REFERENCE = re.compile(rb"&#(?:x0*([0-9a-fA-F]{1,6})|0*([0-9]{1,7}));")
_LEGAL = ((9, 10), (13, 13), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
_RAW_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def open_envelope(body: bytes, content_type: str, request: Request) -> Element:
    """The root of a successful answer.

    Raises:
        Garbled: it is neither JSON nor XML, or XML with a DTD or entities, or has no Status.
        Refused, UnknownSource, BadCredentials, ServerFault: its Status is not Success.
    """
    root = _tree(body, content_type)
    if root is None:
        raise outcomes.garbled(request, "it is neither ResMan's XML nor its JSON", http_status=200)
    status = text_of(root.find("status"))
    if status is None:
        raise outcomes.garbled(request, "it has no Status", http_status=200)
    if status.lower() != "success":
        code = text_of(root.find("errorcode")) or text_of(root.find("code"))
        raise outcomes.from_refusal(text_of(root.find("errordescription")), code, request)
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
    start = body
    for bom in _BOMS:
        start = start.removeprefix(bom)
    first = start[:64].lstrip()[:1]
    try:
        if first == b"<" or (first not in (b"{", b"[", b'"') and "xml" in content_type.lower()):
            return _from_xml(body)
        data = json.loads(body)
        if isinstance(data, str):  # XML in a JSON string, as some .NET services wrap it
            return _from_xml(data.encode("utf-8", "replace"))
        return _from_json(data)
    # ValueError covers broken JSON, forbidden XML and undecodable bytes; LookupError an unknown encoding.
    except (ParseError, ValueError, LookupError, RecursionError):
        return None


def _from_xml(body: bytes) -> Element:
    try:
        root = _parse(body)
    except ParseError:
        cleaned = _RAW_CONTROL.sub(b"", _REFERENCE.sub(_legal_reference, body))
        if cleaned == body:
            raise
        root = _parse(cleaned)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(name): value for name, value in element.attrib.items()}
    return root


def _parse(body: bytes) -> Element:
    root: Element = fromstring(body, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    return root


def _legal_reference(found: re.Match[bytes]) -> bytes:
    code = int(found[1], 16) if found[1] else int(found[2])
    return found[0] if any(first <= code <= last for first, last in _LEGAL) else b""


def _local(name: str) -> str:
    return name.rpartition("}")[2].lower()


def _from_json(data: Any) -> Element | None:
    if not isinstance(data, dict):
        return None
    for key, value in data.items():
        if key.lower() == "resman" and isinstance(value, dict):
            data = value
            break
    return _element("resman", data)


def _element(tag: str, value: Any) -> Element:
    """JSON as an XML-to-JSON converter would have made it, turned back: `@x` is an attribute, `#text` the
    text, a list one element for each item (none leaves an empty element, to show that the key was there)."""
    element = Element(tag)
    if not isinstance(value, dict):
        element.text = _scalar(value)
        return element
    for key, inner in value.items():
        name = key.rpartition(":")[2].lower()
        if key == "#text":
            element.text = _scalar(inner)
        elif name.startswith("@") or key.startswith("@"):
            element.set(name.removeprefix("@"), _scalar(inner))
        elif isinstance(inner, list):
            element.extend([_element(name, item) for item in inner] or [Element(name)])
        else:
            element.append(_element(name, inner))
    return element


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    # A JSON text may hold half a surrogate pair, which neither a database nor a hash takes; nor NUL.
    return str(value).replace("\0", "").encode("utf-8", "replace").decode("utf-8")

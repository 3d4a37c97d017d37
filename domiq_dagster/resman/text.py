"""Makes text fit for MITS XML: what no XML may hold goes, markup goes, a long comment is cut."""

from __future__ import annotations

import re

MAX_COMMENT = 2_000

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_BREAKING_TAG = re.compile(r"<(?:br|/p|/div|/li|/tr|/h[1-6])\b[^<>]*>", re.IGNORECASE)
_ANGLE = re.compile(r"[<>]")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--[^<>]*-->|<![A-Za-z][^<>]*>")
_MARKER = re.compile(r"\[DQ-[0-9A-Za-z-]{1,64}\]")
_LONGEST_TAIL = 200


def legal(text: str) -> str:
    """Without the characters that XML 1.0 forbids, and with LF for every line end."""
    return _ILLEGAL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Legal text with each run of white space as one blank, for names, ids and addresses."""
    return " ".join(legal(text).split())


def plain(text: str) -> str:
    """Legal text without HTML tags; a tag that ends a line becomes a line end."""
    text = legal(text)
    parts: list[str] = []  # what is left of it so far
    opened: list[int] = []  # where in `parts` a tag may have begun
    done = 0
    for found in _ANGLE.finditer(text):
        parts.append(text[done : found.start()])
        done = found.start()
        if found[0] == "<":
            opened.append(len(parts))
            continue
        parts.append(">")
        done = found.end()
        if not opened:
            continue
        # Taking one tag out can leave another, <<b>i>, so the innermost goes first; each piece is read once.
        start = opened.pop()
        tag = "".join(parts[start:])
        if _LINE_BREAKING_TAG.fullmatch(tag):
            parts[start:] = ["\n"]
        elif _TAG.fullmatch(tag):
            del parts[start:]
        else:
            opened.clear()  # no tag holds a bracket that stays
    return "".join([*parts, text[done:]]).strip()


def comment(text: str, limit: int = MAX_COMMENT) -> str:
    """Plain text of at most `limit` characters.

    A marker such as `[DQ-0123456789ab]` near its end stays whole, whatever is cut or stripped
    before it: the read-back after an unknown outcome looks for it.
    """
    tail = ""
    for found in _MARKER.finditer(text):
        if len(text) - found.start() <= _LONGEST_TAIL:
            text, tail = text[: found.start()], text[found.start() :]
            break
    marker, rest = tail[: tail.find("]") + 1], tail[tail.find("]") + 1 :]
    tail = marker + (" " + plain(rest) if rest.strip() else "")
    # Longer than this, markup is not worth looking for; the text is cut well before its end anyway.
    head = plain(text[: limit * 20])
    room = limit - len(tail) - bool(head and tail)
    if len(head) > room:
        head = head[: room - 1].rstrip() + "…"
    return f"{head} {tail}" if head and tail else head + tail

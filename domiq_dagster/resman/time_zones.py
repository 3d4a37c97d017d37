"""The time zone of a property: IANA names as they are, Windows names of US zones turned into IANA."""

from __future__ import annotations

import re
from functools import lru_cache
from zoneinfo import available_timezones

_STANDARD_NAMES = {
    "hawaiian standard time": "Pacific/Honolulu",
    "aleutian standard time": "America/Adak",
    "alaskan standard time": "America/Anchorage",
    "pacific standard time": "America/Los_Angeles",
    "us mountain standard time": "America/Phoenix",
    "mountain standard time": "America/Denver",
    "central standard time": "America/Chicago",
    "eastern standard time": "America/New_York",
    "us eastern standard time": "America/Indiana/Indianapolis",
    "atlantic standard time": "America/Halifax",
    # Windows has one name for La Paz and Puerto Rico (UTC-4, no summer time); only one is in the US.
    "sa western standard time": "America/Puerto_Rico",
    # Likewise for Port Moresby and Guam.
    "west pacific standard time": "Pacific/Guam",
    "utc": "UTC",
    "coordinated universal time": "UTC",
}

_DISPLAY_NAMES = {
    "hawaii": "Pacific/Honolulu",
    "aleutian islands": "America/Adak",
    "alaska": "America/Anchorage",
    "pacific time (us & canada)": "America/Los_Angeles",
    "arizona": "America/Phoenix",
    "mountain time (us & canada)": "America/Denver",
    "central time (us & canada)": "America/Chicago",
    "eastern time (us & canada)": "America/New_York",
    "indiana (east)": "America/Indiana/Indianapolis",
    "atlantic time (canada)": "America/Halifax",
    "puerto rico": "America/Puerto_Rico",
    "guam, port moresby": "Pacific/Guam",
}

_UTC_PREFIX = re.compile(r"^\((?:utc|gmt)[^)]*\)\s*")


def iana_name(name: str | None) -> str | None:
    """The IANA name of a zone named in IANA's or Windows's way, or None if it is missing or unknown."""
    if name is None:
        return None
    key = " ".join(name.split()).lower()
    known = _iana_names().get(key)
    if known:
        return known
    key = _UTC_PREFIX.sub("", key).replace("daylight time", "standard time")
    return _STANDARD_NAMES.get(key) or _DISPLAY_NAMES.get(key)


@lru_cache(maxsize=1)
def _iana_names() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}

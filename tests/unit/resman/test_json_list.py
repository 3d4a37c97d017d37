"""A list is taken apart into the same values wherever it is cut, however it is written."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.resman import json_list
from domiq_dagster.resman.errors import Garbled, NoAnswer, ResManError
from domiq_dagster.resman.outcomes import Request

# Keys and texts that look like what stands between two objects.
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["id", "Id", '},{"id":', ',{"id":1}', "\\", '"', "]}", "\U0001f600", "\u00e9", "\x00"]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.builds(
    lambda first, rest: {"id": first, **rest}, VALUES, st.dictionaries(TEXTS, VALUES, max_size=4)
)
LISTS = st.lists(st.one_of(OBJECTS, OBJECTS, OBJECTS, VALUES), max_size=12)
SPELLINGS = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 1}, {"ensure_ascii": False}])


class Body:
    """An answer's body, of which each read gives some bytes."""

    def __init__(self, body: bytes, size: int) -> None:
        self.request = Request("GET Things")
        self.at_end, self.size = False, 0
        self._left, self._piece = body, size

    def read(self, size: int) -> bytes:
        data, self._left = self._left[: self._piece], self._left[self._piece :]
        self.size += len(data)
        self.at_end = not data
        return data


def taken(body: bytes, size: int) -> list[bytes]:
    return [bytes(source) for source in json_list.sources(Body(body, size), "things")]  # type: ignore[arg-type]


@given(LISTS, SPELLINGS, st.integers(10, 400))
def test_each_value_comes_once_and_in_order_with_its_own_text(
    values: list[Any], spelling: dict[str, Any], size: int
) -> None:
    body = json.dumps({"before": [1], "Things": values, "after": None}, **spelling).encode()
    sources = taken(body, size)
    assert [json.loads(source) for source in sources] == values
    at = 0
    for source in sources:
        at = body.index(source, at) + len(source)


@given(st.lists(OBJECTS, min_size=1, max_size=8), st.integers(10, 200), st.data())
def test_a_list_that_is_cut_anywhere_gives_only_whole_values_and_then_fails(
    values: list[Any], size: int, data: st.DataObject
) -> None:
    body = json.dumps({"things": values}).encode()
    cut = data.draw(st.integers(0, len(body) - 1))
    came = []
    with pytest.raises(ResManError) as caught:
        for source in json_list.sources(Body(body[:cut], size), "things"):  # type: ignore[arg-type]
            came.append(json.loads(bytes(source)))
    assert isinstance(caught.value, NoAnswer | Garbled)
    assert came == values[: len(came)]


def split_off(body: bytes) -> tuple[list[Any], list[bytes]]:
    """What came many at a time, and all that came."""
    together: list[Any] = []
    split = json_list._split

    def counted(text: str) -> list[msgspec.Raw]:
        found = split(text)
        together.extend(found)
        return found

    with mock.patch.object(json_list, "_split", counted):
        return together, taken(body, 4096)


def test_most_of_a_long_list_is_split_off_many_at_a_time() -> None:
    body = json.dumps({"things": [{"id": n, "inner": [{"id": 1}, {"id": 2}]} for n in range(1000)]}).encode()
    together, everything = split_off(body)
    assert len(everything) == 1000
    assert len(together) > 800


@pytest.mark.parametrize(
    ("odd", "why"),
    [('{"id": NaN}', "the standard library takes it"), ('{"Id": 7}', "its first key is another")],
)
def test_what_the_fast_way_does_not_take_comes_the_slow_way(odd: str, why: str) -> None:
    things = [odd if n % 50 == 0 else json.dumps({"id": n}) for n in range(500)]
    _, everything = split_off(f'{{"things": [{", ".join(things)}]}}'.encode())
    assert [source.decode() for source in everything] == things


def test_a_number_that_the_text_cuts_at_its_point_is_read_whole() -> None:
    """E1."""
    for body in (b'{"things":[0.0]}', b'{"things": [1.5, 2e9, -3.25e-7, true, null]}'):
        for spelling in (body, json.dumps(json.loads(body), indent=1).encode()):
            expected = json.loads(body)["things"]
            for size in range(1, 20):
                assert [json.loads(source) for source in taken(spelling, size)] == expected

"""What two phones that may be one have in common, of many at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.sync.linking.lookup_keys import _phone_tail, person_keys, phone_tails
from domiq_dagster.sync.linking.matching import contact

PHONES = st.one_of(
    st.none(), st.text(alphabet="0123456789()+-. xX#;ext\n\u0661\u00e9", max_size=20), st.text(max_size=6)
)


@pytest.mark.parametrize(
    ("phone", "tail"),
    [
        ("(512) 555-0100", b"5550100"),
        ("+1 512 555 0100", b"5550100"),
        ("512-555-0100 ext. 12", b"5550100"),
        ("512.555.0100x12", b"5550100"),
        ("5125550100 X 12", b"5550100"),
        ("512 555 0100 #12", b"5550100"),
        ("512 555 0100;ext=12", b"5550100"),
        ("512\n555\n0100", b"5550100"),
        ("\u0665125550100", b"5550100"),  # a digit of another script is none here
        ("555010", None),
        ("x5125550100", None),
        ("", None),
    ],
)
def test_the_last_seven_digits_before_an_extension(phone: str, tail: bytes | None) -> None:
    assert _phone_tail(phone) == tail


@given(st.lists(PHONES, max_size=8))
def test_many_at_once_are_the_same_as_each_for_itself(phones: list[str | None]) -> None:
    tails = phone_tails(phones)
    assert [tail if len(tail) == 7 else None for tail in tails] == [
        _phone_tail(phone or "") for phone in phones
    ]


def test_whoever_shares_a_switchboard_shares_a_key_and_nobody_else_does() -> None:
    """The last digits of the number, not of its extension."""
    desk, office, elsewhere = (
        person_keys(contact(None, None, None, phone))
        for phone in ("(214) 736-5000", "(214) 736-5000 ext. 12", "(214) 786-5000 ext. 12")
    )
    assert desk == office == {"phone:7365000"}
    assert elsewhere == {"phone:7865000"}

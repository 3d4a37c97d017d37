"""A quick look at a phone number never lets one go that would have been recognised."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from domiq_dagster.sync.glance import last_digits
from domiq_dagster.sync.linking import normalise_phone


@given(
    st.text("0123456789+-(). x#/ext", max_size=22)
    | st.from_regex(r"\+?1? ?\(?[2-9]\d\d\)?[-. ]?\d{3}[-. ]?\d{4}")
)
@example("(512) 555-0100")
@example("+44 20 7946 0018")
@example("+65 6123 4567")
@example("512-555-0100 x12")
@example("1-800-FLOWERS")
@example("٥١٢٥٥٥٠١٠٠")
def test_the_last_digits_are_those_of_the_number_or_unknown(phone: str) -> None:
    known = normalise_phone(phone)
    if known is not None:
        assert last_digits(phone) in (None, known[-7:])

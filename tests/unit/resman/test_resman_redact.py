import re

from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.resman.redact import describe


def test_blanks_people_and_keeps_what_finds_the_cause() -> None:
    told = describe(
        "Prospect Ada Example (ada.example@example.com, +1 (402) 555-0123 or 4025550123) of 2026-01-05 has "
        "source 44444444-4444-4444-4444-444444444444; key s3cret-key-9",
        private=("s3cret-key-9", "Ada", "Example", None, ""),
    )
    assert told == (
        "Prospect [hidden] [hidden] ([e-mail], [phone] or [phone]) of 2026-01-05 has "
        "source 44444444-4444-4444-4444-444444444444; key [hidden]"
    )


def test_an_address_cut_in_half_does_not_come_through() -> None:
    assert "ada" not in (describe("x " * 990 + "1" * 12 + " ada.lovelace.example@example.com") or "")


@given(
    st.text(), st.emails(), st.from_regex(r"\(?402\)?[ .-]?555[ .-]?01[0-9]{2}", fullmatch=True), st.text()
)
def test_no_address_and_no_number_survives_anywhere(before: str, email: str, phone: str, after: str) -> None:
    told = describe(f"{before} {email} {phone} {after}") or ""
    assert len(told) <= 300
    assert email not in told
    assert not re.search(r"555[ .-]?01\d\d", told)

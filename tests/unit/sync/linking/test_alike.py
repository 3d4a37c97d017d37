"""Prospects that look like one person: by the rules that link leads."""

from domiq_dagster.sync.linking.alike import Alike, Recognised, alike
from domiq_dagster.sync.linking.matching import contact


def one(
    prospect_id: str,
    first: str = "Ada",
    last: str = "Example",
    email: str | None = None,
    phone: str | None = None,
) -> Recognised:
    return Recognised(prospect_id, "Prospect", [contact(first, last, email, phone)])


def test_whoever_shares_an_email_a_phone_or_a_name_is_one() -> None:
    found = alike(
        [
            one("a", email="ADA+flat@example.com"),
            one("b", email="ada@example.com"),
            one("c", "Bo", "Berg", phone="(212) 555-0187"),
            one("d", "Bo", "Berg", phone="+1 212 555 0187"),
            one("e", "Zoë", "Quill"),
            one("f", "zoe", "quill"),
            one("g", "Nobody", "Else", email="else@example.com"),
        ]
    )
    assert found == [
        Alike(("a", "b"), ("email", "name"), names_fit=True),
        Alike(("c", "d"), ("phone", "name"), names_fit=True),
        Alike(("e", "f"), ("name",), names_fit=True),
    ]


def test_a_name_alone_makes_nobody_one_whose_email_says_otherwise() -> None:
    assert alike([one("a", email="a@example.com"), one("b", email="b@example.com")]) == []


def test_what_stands_at_many_is_nobodys_own() -> None:
    shared = [one(str(n), f"P{n}", f"L{n}", email="desk@example.com") for n in range(4)]
    assert alike(shared) == []
    assert len(alike(shared[:3])) == 1


def test_a_household_is_told_from_one_person() -> None:
    found = alike(
        [one("a", "Ada", "Berg", email="berg@example.com"), one("b", "Bo", "Berg", email="berg@example.com")]
    )
    assert found == [Alike(("a", "b"), ("email",), names_fit=False)]


def test_whoever_is_joined_by_a_third_is_of_one_group() -> None:
    found = alike(
        [
            one("a", email="ada@example.com"),
            one("b", email="ada@example.com", phone="+1 212 555 0187"),
            one("c", phone="+1 212 555 0187"),
        ]
    )
    assert [group.prospect_ids for group in found] == [("a", "b", "c")]

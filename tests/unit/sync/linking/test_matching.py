"""Whether two records are one person: by e-mail, phone, then name, and never by a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.sync.linking.lookup_keys import email_key, further_tails, keys_of, phone_tails
from domiq_dagster.sync.linking.matching import (
    Ambiguous,
    Contact,
    Index,
    Match,
    choose,
    contact,
    contradicts,
    find,
    fits,
    name_fit,
    normalise_email,
    normalise_name,
    normalise_phone,
    person_contact,
    shared_contacts,
    shared_values,
    somebody_else,
)


def one(
    first: str | None = None, last: str | None = None, email: str | None = None, phone: str | None = None
) -> Contact:
    return contact(first, last, email, phone)


BO = one("Bo", "Example", "bo@example.com", "202-555-0143")


@pytest.mark.parametrize(
    "text",
    [
        "2025550143",
        "(202) 555-0143",
        "202.555.0143",
        "+1 202 555 0143",
        "1-202-555-0143",
        " 202 555 0143 ",
        "+12025550143",
        "tel:+1-202-555-0143",
    ],
)
def test_notations_of_a_phone(text: str) -> None:
    assert normalise_phone(text) == "+12025550143"


@pytest.mark.parametrize(
    "text",
    ["555-555-1234", "123-456-7890", "012 345 6789", "(202) 155-0143", "202-555-5555", "202-555-1212"],
)
def test_what_fills_a_form_is_no_phone(text: str) -> None:
    assert normalise_phone(text) is None


@pytest.mark.parametrize(
    "text", [None, "", "n/a", "0000000000", "(000) 000-0000", "111-111-1111", "123", "555-0143", "call me"]
)
def test_what_is_no_phone(text: str | None) -> None:
    assert normalise_phone(text) is None


def test_a_shared_phone_is_nobody_s() -> None:
    assert normalise_phone("202 555 0143", shared=frozenset({"+12025550143"})) is None
    values = ["a", "a", "a", "a", "b", "b", "b", None, None, None, None]
    assert shared_values(values) == {"a"}
    assert shared_values(values, at_least=3) == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (" Bo@Example.COM ", "bo@example.com"),
        ("bo+flat@example.com", "bo+flat@example.com"),
        ("noreply@example.com", None),
        ("No-Reply@example.com", None),
        ("none@example.com", None),
        ("leasing@example.com", None),
        ("no.reply+4711@example.com", None),
        ("mailer-daemon@example.com", None),
        ("bo@noemail.com", None),
        ("leadbetter@example.com", "leadbetter@example.com"),
        ("noreen@example.com", "noreen@example.com"),
        ("bo@localhost", None),
        ("@example.com", None),
        ("bo", None),
        ("", None),
        (None, None),
    ],
)
def test_e_mail_addresses(text: str | None, normal: str | None) -> None:
    assert normalise_email(text) == normal


def test_names() -> None:
    assert normalise_name(" BO ", "van  Example") == ("bo", "van example")
    for first, last in [("Bo", None), ("", "Example"), (" ", "Example"), ("Anonymous", "User"), (None, None)]:
        assert normalise_name(first, last) is None


def test_names_are_compared_without_accents() -> None:
    assert normalise_name("José", "NÚÑEZ") == normalise_name("Jose", "Nunez")


def test_what_the_property_and_its_staff_use_is_nobody_s_own() -> None:
    shared = shared_contacts([(" Office@Example.com", "202 555 0143"), (None, None), ("", "000")])
    assert normalise_email("office@example.com", shared=shared.emails) is None
    assert contact("Bo", "Example", "office@example.com", "2025550143", shared=shared) == one("Bo", "Example")
    assert contact("Bo", "Example", "office@example.com", "2025550144", shared=shared | shared).reachable
    assert repr(shared) == "SharedContacts()"


def test_a_phone_is_shared_by_two_whose_e_mails_and_names_both_differ() -> None:
    wife = one("Ann", "Example", "ann@example.com", "202 555 0143")
    stranger = one("Cy", "Other", "cy@example.com", "202 555 0143")
    assert somebody_else(BO, stranger) and not somebody_else(BO, wife)
    assert find(BO, [stranger]) is None
    assert find(BO, [stranger, wife]) == Match(1, "phone")
    assert find(BO, [one("Cy", "Other", phone="202 555 0143")]) == Match(0, "phone")


@pytest.mark.parametrize(
    ("statuses", "chosen"),
    [
        (["Prospect"], "Prospect"),
        (["Lost", "Prospect", "Resident"], "Prospect"),
        (["Prospect", "Applicant"], None),
        (["Applicant/Denied", "Prospect"], "Prospect"),
        (["Applicant/LeaseSigned", "Lost"], "Applicant/LeaseSigned"),
        (["Applicant/LeaseSigned", "Applicant"], "Applicant"),
        (["Resident", "Resident/Former"], None),
        (["Lost", "Applicant/Cancelled"], None),
        (["Lost", "Lost"], None),
        (["Lost", "Ghost", "Resident"], "Resident"),
    ],
)
def test_of_several_prospects_the_only_open_one_is_chosen(statuses: list[str], chosen: str | None) -> None:
    assert choose(statuses, str) == chosen


def test_the_e_mail_comes_before_the_phone_and_the_phone_before_the_name() -> None:
    by_name, by_phone = one("Bo", "Example"), one(phone="2025550143")
    by_email = one("Cy", "Other", "BO@example.com", "202 555 0199")
    assert find(BO, [by_name, by_phone, by_email]) == Match(2, "email")
    assert find(BO, [by_name, by_phone]) == Match(1, "phone")
    assert find(BO, [by_name]) == Match(0, "name")
    assert find(BO, [one("Cy", "Other")]) is None
    assert find(BO, []) is None


def test_a_name_that_e_mail_or_phone_contradicts_is_somebody_else() -> None:
    assert find(BO, [one("Bo", "Example", "other@example.com")]) is None
    assert find(BO, [one("Bo", "Example", phone="202 555 0199")]) is None
    assert find(BO, [one("Bo", "Example", "noreply@example.com", "000-000-0000")]) == Match(0, "name")
    assert contradicts(BO, one(email="other@example.com"))
    assert not contradicts(BO, one("Cy", "Other"))


@pytest.mark.parametrize(
    ("shared", "rule"),
    [
        (one(email="bo@example.com"), "email"),
        (one(phone="202 555 0143"), "phone"),
        (one("Bo", "Example"), "name"),
    ],
)
def test_two_that_fit_are_not_guessed_among(shared: Contact, rule: str) -> None:
    assert find(BO, [shared, one("Cy", "Other"), shared]) == Ambiguous(rule, 2)


def test_ambiguity_by_a_strong_rule_is_not_settled_by_a_weaker_one() -> None:
    twins = [one("Ed", "Example", "bo@example.com"), one("Cy", "Other", "bo@example.com", BO.phone)]
    assert find(BO, twins) == Ambiguous("email", 2)


def test_several_conversations_of_one_user_are_one_candidate() -> None:
    index = Index([BO, BO, one("Cy", "Other")], ["bo", "bo", "cy"])
    assert index.find(one(email="bo@example.com")) == Match(0, "email")


def test_reachable_is_whoever_resman_would_take() -> None:
    assert BO.reachable and one(email="bo@example.com").reachable and one(phone="2025550143").reachable
    assert not one("Bo", "Example", "noreply@example.com", "0000000000").reachable


def test_a_contact_shows_nothing_of_itself() -> None:
    assert repr(BO) == "Contact()"


dummies = st.builds(
    contact,
    st.sampled_from(["Anonymous", None, ""]),
    st.sampled_from(["User", None]),
    st.sampled_from(["noreply@example.com", "na@example.com", "x", None]),
    st.sampled_from(["0000000000", "1111111111", "12", None]),
)
anybody = st.builds(
    contact,
    st.sampled_from(["Bo", "Cy", None]),
    st.sampled_from(["Example", "Other", None]),
    st.sampled_from(["bo@example.com", "cy@example.com", None]),
    st.sampled_from(["202-555-0143", "202-555-0144", None]),
)


@given(dummies, st.lists(st.one_of(dummies, anybody), max_size=6))
def test_dummy_contacts_never_link(dummy: Contact, candidates: list[Contact]) -> None:
    assert find(dummy, candidates) is None
    assert all(not isinstance(find(c, [dummy]), Match | Ambiguous) for c in candidates)


@given(anybody, st.lists(anybody, max_size=6))
def test_a_match_is_the_only_one_by_its_rule(person: Contact, candidates: list[Contact]) -> None:
    found = find(person, candidates)
    if isinstance(found, Match):
        same = [c for c in candidates if fits(found.linked_by, person, c)]
        best = max(name_fit(person, c) for c in same)
        assert [c for c in same if name_fit(person, c) == best] == [candidates[found.index]]


@given(st.text(max_size=60))
def test_no_text_breaks_the_normalising(text: str) -> None:
    assert normalise_email(text) in (None, text.strip().lower())
    phone = normalise_phone(text)
    assert phone is None or phone.startswith("+")


def test_any_of_several_phones_and_e_mails_may_match() -> None:
    """B1: also where DomIQ has several in one text; a contradiction is only where none fits."""
    theirs = person_contact(
        "Bo", "Example", ["old@example.com", "bo@example.com"], ["202-555-0177", None, "(202) 555-0143"]
    )
    assert find(theirs, [one(phone="2025550143")]) == Match(0, "phone")
    assert find(theirs, [one(email="bo@example.com")]) == Match(0, "email")
    assert find(one("B", "E", "x@example.com; BO@example.com"), [theirs]) == Match(0, "email")
    assert find(one("Bo", "Example", None, "202-555-0199 / 202-555-0143"), [theirs]) == Match(0, "phone")
    assert not contradicts(theirs, BO) and not contradicts(BO, theirs)
    assert contradicts(theirs, one("Bo", "Example", None, "202-555-0188 or 202-555-0189"))
    assert "example" not in repr(theirs).lower() and "202" not in repr(theirs)


def test_different_extensions_are_different_numbers() -> None:
    """B2."""
    ann = one("Ann", "Example", None, "(214) 736-5000 ext. 12")
    cy = one("Cy", "Other", None, "214-736-5000 x34")
    assert ann.phone == "+12147365000;ext=12"
    assert find(ann, [cy]) is None and contradicts(ann, cy)
    assert find(ann, [one("A", "E", None, "+1 214 736 5000, extension 012")]) == Match(0, "phone")
    switchboard = one("Ann", "Example", None, "214 736 5000")
    assert find(one("Cy", "Other", None, "214 736 5000"), [ann]) is None
    assert find(switchboard, [ann]) == Match(0, "name")
    office = shared_contacts([(None, "214 736 5000 ext. 1")])
    assert not contact("Cy", "Other", None, "214 736 5000 ext. 34", shared=office).reachable


def test_the_name_decides_among_those_who_share_an_e_mail() -> None:
    """B13."""
    ann, bob = one("Ann", "Example", "us@example.com"), one("Bob", "Example", "us@example.com")
    assert find(one("bob", "EXAMPLE", "us@example.com"), [ann, bob]) == Match(1, "email")
    assert find(one("Bob", "Married", "us@example.com"), [ann, bob]) == Match(1, "email")
    assert find(one("Cy", "Example", "us@example.com"), [ann, bob]) == Ambiguous("email", 2)
    assert find(one(None, None, "us@example.com"), [ann, bob]) == Ambiguous("email", 2)
    assert find(one("Bob", "Example", "us@example.com"), [bob, bob]) == Ambiguous("email", 2)


def test_a_plus_tag_alone_is_no_other_person_where_the_name_fits() -> None:
    """B13."""
    tagged = one("Bo", "Example", "bo+flat@example.com")
    assert find(tagged, [BO]) == find(BO, [tagged]) == Match(0, "email")
    assert find(one("Bo", "Example", "bo+a@example.com"), [tagged]) == Match(0, "email")
    assert find(one("Cy", "Other", "bo+flat@example.com"), [BO]) is None
    assert not contradicts(tagged, BO)


def test_keys_find_whoever_may_match() -> None:
    """B1, B2, B13: whoever is told apart only later is looked at first."""
    keys = set(keys_of("Bo", "Example", "a+x@example.com, b@example.com", "202-555-0143; 202-555-0177"))
    assert keys == {"a@example.com", "b@example.com", b"5550143", b"5550177", ("bo", "example")}
    assert email_key("A+y@Example.com") == "a@example.com"
    assert further_tails("202-555-0143 / 202-555-0177 ext. 5") == [b"5550143", b"5550177"]
    assert phone_tails(["(214) 736-5000 ext. 12"]) == [b"7365000"]

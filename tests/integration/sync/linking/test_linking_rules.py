"""The rules of docs/linking.md, each by its name."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.linking.reviews import close_moot_reviews, open_reviews
from domiq_dagster.sync.repair.link_review import CannotLink, link_by_hand, never_link
from domiq_dagster.sync.repair.retry import Choice, put_back
from tests.fixtures.world import World

PHONE, OTHER_PHONE = "202-555-0143", "202-555-0177"


def person(first: str, last: str, email: str | None = None, phone: str | None = None) -> dict[str, Any]:
    return {"firstName": first, "lastName": last, "email": email, "phone": phone}


def old_conversation(world: World, property_id: UUID, status: str = "contacted", **options: Any) -> UUID:
    """One from before the sync, so that nothing waits to be sent."""
    world.do("ALTER TABLE conversation DISABLE TRIGGER USER")
    found: UUID = world.conversation(property_id, status, **options)
    world.do("ALTER TABLE conversation ENABLE TRIGGER USER")
    return found


def links(world: World) -> dict[UUID, tuple[str, str]]:
    rows = world.rows("SELECT conversation_id, prospect_id, linked_by FROM domiq_sync.lead_link")
    return {r.conversation_id: (r.prospect_id, r.linked_by) for r in rows}


def questions(world: World) -> list[tuple[str, list[str], set[UUID]]]:
    with world.engine.begin() as c:
        close_moot_reviews(c)
        return [(q.kind, q.prospect_ids, set(q.conversation_ids)) for q in open_reviews(c)]


def closed(world: World) -> list[tuple[UUID, str]]:
    rows = world.rows("SELECT conversation_id, reason FROM domiq_sync.closed_link ORDER BY id")
    return [(r.conversation_id, r.reason) for r in rows]


def test_stored_id_then_e_mail_then_phone_then_name(world: World) -> None:
    property_id = world.property()
    ids = {}
    for rule, user in {
        "email": world.user("Cy", "Mailer", "cy@example.com"),
        "phone": world.user("Di", "Caller", phone=PHONE),
        "name": world.user("Ed", "Named"),
        "stored_id": world.user("Flo", "Stored", "flo@example.com"),
    }.items():
        ids[rule] = old_conversation(world, property_id, user=user)
    leads = {
        "email": world.lead(first="Someone", last="Else", email="CY@example.com"),
        "phone": world.lead(first="D", last="C", phone="(202) 555 0143"),
        "name": world.lead(first="ed", last="NAMED"),
        "stored_id": world.lead(first="No", last="Likeness", email="other@example.com"),
    }
    world.lead(first="Flo", last="Stored", email="flo@example.com")
    world.log(
        ids["stored_id"], "contacted", sync_status="success", resman_lead_id=leads["stored_id"]["prospectId"]
    )
    world.pull()
    expected = {ids[rule]: (lead["prospectId"], rule) for rule, lead in leads.items()}
    assert links(world) == expected
    assert questions(world) == []


def test_what_is_nobody_s_own_never_links(world: World) -> None:
    property_id = world.property()
    theirs = world.standin.state()["properties"][0]
    manager = world.value(
        "INSERT INTO property_manager(company_id, first_name, last_name, email, phone) "
        "SELECT company_id, 'May', 'Nager', 'May@Example.com', :p FROM property RETURNING id",
        p=OTHER_PHONE,
    )
    assert manager is not None
    shared = [
        ("noreply@example.com", "000-000-0000"),
        (theirs["email"], theirs["phone"]),
        ("may@example.com", "+1 202 555 0177"),
        ("x@noemail.com", "555-555-1234"),
        ("declined@example.com", "123-456-7890"),
    ]
    for n, (email, phone) in enumerate(shared):
        old_conversation(world, property_id, user=world.user(f"A{n}", f"Alike{n}", email, phone))
        world.lead(first=f"B{n}", last=f"Other{n}", email=email, phone=phone)
    assert theirs["email"] and theirs["phone"]
    assert [p.linked for p in world.pull()] == [0]
    assert (links(world), questions(world)) == ({}, [])


def test_a_value_at_many_prospects_links_none_of_them_and_is_listed(world: World) -> None:
    property_id = world.property()
    conversation = old_conversation(
        world, property_id, user=world.user("Ann", "Agency", "us@example.com", PHONE)
    )
    for n in range(4):
        world.lead(first=f"Client{n}", last=f"Of{n}", email="us@example.com")
    world.pull()
    assert links(world) == {}
    ((kind, prospects, about),) = questions(world)
    assert (kind, len(prospects), about) == ("several_prospects", 4, {conversation})


def test_a_phone_does_not_link_two_whose_e_mails_and_names_both_differ(world: World) -> None:
    property_id = world.property()
    stranger = old_conversation(world, property_id, user=world.user("Ann", "One", "ann@example.com", PHONE))
    lead = world.lead(first="Bob", last="Two", email="bob@example.com", phone=PHONE)["prospectId"]
    world.pull()
    assert links(world) == {}
    world.standin.edit(lead, people=[person("Ann", "Two", "ann.two@example.com", PHONE)])
    world.pull()
    assert links(world) == {stranger: (lead, "phone")}


def test_several_people_who_fit_one_prospect_are_listed_until_a_person_says_which(world: World) -> None:
    property_id = world.property()
    twins = [
        old_conversation(world, property_id, user=world.user("Bo", "Twin", f"bo{n}@example.com"))
        for n in "ab"
    ]
    lead = world.lead(first="Bo", last="Twin")["prospectId"]
    world.pull()
    assert questions(world) == [("several_people", [lead], set(twins))]
    before = world.versions()
    world.pull()
    assert world.versions() == before
    link_by_hand(world.engine, twins[1], lead, by="pat@desk")
    assert questions(world) == []
    world.pull(full=True)
    assert links(world) == {twins[1]: (lead, "manual")}
    assert questions(world) == []
    (asked,) = world.rows("SELECT resolution, closed_at FROM domiq_sync.link_question")
    assert asked.resolution == "pat@desk decided: same"
    (decision,) = world.rows("SELECT * FROM domiq_sync.link_decision")
    assert (decision.conversation_id, decision.prospect_id) == (twins[1], lead)
    assert (decision.verdict, decision.decided_by) == ("same", "pat@desk")


def test_a_question_closes_itself_when_it_no_longer_applies(world: World) -> None:
    property_id = world.property()
    twins = [
        old_conversation(world, property_id, user=world.user("Bo", "Twin", f"bo{n}@example.com"))
        for n in "ab"
    ]
    lead = world.lead(first="Bo", last="Twin")["prospectId"]
    world.pull()
    assert len(questions(world)) == 1
    world.standin.edit(lead, people=[person("Bo", "Twin", "boa@example.com")])
    world.pull()
    assert (links(world), questions(world)) == ({twins[0]: (lead, "email")}, [])


@pytest.mark.parametrize("how", ["deleted", "another e-mail"])
def test_a_question_about_conversations_that_are_gone_or_linked_closes_itself(world: World, how: str) -> None:
    property_id = world.property()
    conversation = old_conversation(world, property_id, email="bo@example.com")
    leads = [world.lead(email="bo@example.com")["prospectId"] for _ in "ab"]
    world.pull()
    assert questions(world) == [("several_prospects", sorted(leads), {conversation})]
    if how == "deleted":
        world.do("DELETE FROM conversation WHERE id = :c", c=conversation)
    else:
        world.standin.edit(leads[0], people=[person("Bo", "Example", "moved.away@example.com")])
        world.pull()
        assert links(world) == {conversation: (leads[1], "email")}
    assert questions(world) == []


def test_of_several_prospects_for_one_person_the_only_open_one_is_theirs(world: World) -> None:
    property_id = world.property()
    conversation = old_conversation(world, property_id, email="bo@example.com")
    world.lead(email="bo@example.com", status="Lost")
    world.lead(email="bo@example.com", status="Resident")
    opened = world.lead(email="bo@example.com")["prospectId"]
    denied = world.lead(email="bo@example.com", last="Denied")["prospectId"]
    world.standin.edit(denied, people=[person("Bo", "Other", "elsewhere@example.com")])
    world.pull()
    assert links(world) == {conversation: (opened, "email")}


def test_prospects_that_fit_equally_well_are_not_linked_when_a_later_read_brings_one_alone(
    world: World,
) -> None:
    property_id = world.property()
    conversation = old_conversation(world, property_id, email="bo@example.com")
    leads = sorted(world.lead(email="bo@example.com")["prospectId"] for _ in "ab")
    world.pull()
    one_alone = list(world.client.prospects(*_where(world), modified_since=_long_ago()))
    world.client.prospects = lambda *a, **k: (p for p in one_alone if p.prospect_id == leads[1])
    world.pull()
    del world.client.prospects
    assert links(world) == {}
    assert questions(world) == [("several_prospects", leads, {conversation})]
    world.standin.edit(leads[0], status="Lost")
    world.pull()
    assert links(world) == {conversation: (leads[1], "email")}
    assert questions(world) == []


def _where(world: World) -> tuple[str, str]:
    (integration,) = world.integrations()
    return integration.account_id, integration.resman_property_id


def _long_ago() -> Any:
    return datetime.now(UTC) - timedelta(days=30)


def test_a_user_s_conversations_all_belong_to_one_prospect_and_the_newest_speaks(world: World) -> None:
    property_id = world.property()
    user = world.user("Bo", "Often", "bo@example.com")
    first = old_conversation(world, property_id, user=user, age="9 days")
    lead = world.lead(email="bo@example.com")["prospectId"]
    world.pull()
    world.standin.edit(lead, people=[person("Bo", "Often", "new@example.com")])
    world.pull()
    second = old_conversation(world, property_id, user=user)
    world.pull()
    assert links(world) == {first: (lead, "email"), second: (lead, "email")}
    current = world.rows("SELECT conversation_id FROM domiq_sync.lead_link WHERE is_current")
    assert [r.conversation_id for r in current] == [second]


def test_a_user_who_comes_back_gets_the_open_prospect_instead_of_the_closed_one(world: World) -> None:
    property_id = world.property()
    user = world.user("Bo", "Back", "bo@example.com")
    first = old_conversation(world, property_id, "lost", user=user, age="90 days")
    lost = world.lead(email="bo@example.com", status="Lost")["prospectId"]
    world.pull()
    second = old_conversation(world, property_id, user=user)
    opened = world.lead(email="bo@example.com")["prospectId"]
    world.pull()
    assert links(world) == {first: (lost, "email"), second: (opened, "email")}


def test_everybody_of_a_household_belongs_to_its_prospect_by_e_mail_or_phone(world: World) -> None:
    property_id = world.property()
    main = old_conversation(
        world, property_id, user=world.user("Ann", "Main", "ann@example.com"), age="2 days"
    )
    mate = old_conversation(
        world, property_id, user=world.user("Bob", "Mate", "bob@example.com"), age="1 day"
    )
    namesake = old_conversation(world, property_id, user=world.user("Cy", "Third"))
    lead = world.lead(email="ann@example.com", first="Ann", last="Main")["prospectId"]
    people = [
        person("Ann", "Main", "ann@example.com"),
        person("Robert", "M", "bob@example.com"),
        person("Cy", "Third"),
    ]
    world.standin.edit(lead, people=people)
    world.pull()
    assert links(world) == {main: (lead, "email"), mate: (lead, "email")}
    assert namesake not in links(world)
    persons = {r.person_id for r in world.rows("SELECT person_id FROM domiq_sync.lead_link")}
    assert persons == {world.standin.prospect(lead)["mainPersonId"]}


def test_two_cards_that_staff_merge_leave_both_conversations_with_the_one_that_is_left(world: World) -> None:
    property_id = world.property()
    one = world.conversation(property_id, "contacted", email="ann@example.com", age="2 days")
    two = world.conversation(property_id, "contacted", email="bob@example.com")
    world.sync(2)
    keep, drop = world.lead_of(one)["prospectId"], world.lead_of(two)["prospectId"]
    assert keep != drop
    household = [*world.standin.prospect(keep)["people"], *world.standin.prospect(drop)["people"]]
    world.standin.control("merge", {"keep": keep, "drop": drop})
    world.standin.edit(keep, people=[{**p, "isMainContact": n == 0} for n, p in enumerate(household)])
    world.change(two, status="lost")
    world.deliver()
    assert links(world)[two] == (keep, "email")
    assert closed(world) == [(two, "ResMan has no such lead any more, merged perhaps")]
    assert world.standin.prospect(keep)["status"] == "Lost"
    world.sync(2)
    assert (world.status(one), world.status(two)) == ("contacted", "lost")
    assert world.verdicts() == ["agrees"]


def test_a_link_stands_when_the_prospect_s_contact_changes_to_nobody_else_s(world: World) -> None:
    property_id = world.property()
    conversation = old_conversation(world, property_id, email="bo@example.com")
    lead = world.lead(email="bo@example.com")["prospectId"]
    world.pull()
    world.standin.edit(lead, people=[person("Bo", "New", "bo.new@example.com")])
    world.pull()
    assert links(world) == {conversation: (lead, "email")}
    assert questions(world) == []


def test_a_prospect_whose_contact_is_now_somebody_else_s_is_listed_and_not_relinked(world: World) -> None:
    property_id = world.property()
    mine = old_conversation(world, property_id, user=world.user("Ann", "One", "ann@example.com"))
    lead = world.lead(first="Ann", last="One", email="ann@example.com")["prospectId"]
    world.pull()
    other = old_conversation(world, property_id, user=world.user("Bob", "Two", "bob@example.com"))
    world.standin.edit(lead, people=[person("Bob", "Two", "bob@example.com")])
    world.pull()
    assert links(world) == {mine: (lead, "email")}
    assert questions(world) == [("contact_moved", [lead], {mine, other})]
    world.standin.edit(lead, people=[person("Ann", "One", "ann@example.com")])
    world.pull()
    assert questions(world) == []


def test_a_link_by_name_alone_ends_when_an_e_mail_contradicts_it(world: World) -> None:
    property_id = world.property()
    user = world.user("Ann", "One")
    conversation = old_conversation(world, property_id, user=user)
    lead = world.lead(first="Ann", last="One", email="another.ann@example.com")["prospectId"]
    world.pull()
    assert links(world) == {conversation: (lead, "name")}
    world.do("UPDATE \"user\" SET email = 'ann@example.com' WHERE id = :u", u=user)
    world.pull()
    assert links(world) == {}
    assert closed(world) == [
        (
            conversation,
            "it was linked by name alone, and an e-mail or phone says now that it is somebody else",
        )
    ]
    world.pull()
    assert links(world) == {}


def test_a_pair_that_a_person_rules_out_is_never_linked_again(world: World) -> None:
    property_id = world.property()
    conversation = world.conversation(property_id, "contacted", email="bo@example.com")
    lead = world.lead(email="bo@example.com")["prospectId"]
    world.sync(2)
    assert links(world) == {conversation: (lead, "email")}
    never_link(world.engine, conversation, lead, by="pat@desk")
    assert links(world) == {}
    world.pull(full=True)
    assert links(world) == {}
    world.change(conversation, status="lost")
    world.deliver()
    assert links(world)[conversation][1] == "created"
    assert world.standin.prospect(lead)["status"] == "Prospect"
    assert closed(world) == [(conversation, "ruled out by pat@desk")]


def test_a_person_may_take_a_conversation_to_another_lead_and_its_status_is_decided_anew(
    world: World,
) -> None:
    property_id = world.property()
    conversation = world.conversation(property_id, "contacted", email="bo@example.com", age="9 days")
    world.sync(2)
    before = world.lead_of(conversation)["prospectId"]
    other = world.lead(first="Quite", last="Different", status="Lost")["prospectId"]
    world.pull()
    link_by_hand(world.engine, conversation, other, by="pat@desk")
    assert links(world) == {conversation: (other, "manual")}
    assert world.status(conversation) == "lost"
    assert closed(world) == [(conversation, "linked with another lead by pat@desk")]
    world.sync(2)
    assert world.standin.prospect(before)["status"] == "Prospect"
    assert links(world) == {conversation: (other, "manual")}


def test_a_change_that_failed_as_ambiguous_is_listed_and_goes_out_once_a_person_has_said_which(
    world: World,
) -> None:
    property_id = world.property()
    leads = [world.lead(email="bo@example.com")["prospectId"] for _ in "ab"]
    conversation = world.conversation(property_id, "qualified", email="bo@example.com")
    world.push()
    assert world.last(conversation).outcome == "ambiguous_lead"
    assert questions(world) == [("several_prospects", sorted(leads), {conversation})]
    world.pull()
    link_by_hand(world.engine, conversation, leads[0], by="pat@desk")
    assert put_back(world.engine, Choice(reason="ambiguous_lead")).total == 1
    world.deliver()
    assert world.told(conversation) == ["Other"]
    assert questions(world) == []


def test_nobody_takes_a_conversation_away_while_its_change_is_on_its_way(world: World) -> None:
    conversation = world.conversation(world.property(), "contacted")
    world.do("UPDATE domiq_sync.delivery SET state = 'unknown'")
    lead = world.lead()["prospectId"]
    world.pull()
    for decide in (link_by_hand, never_link):
        with pytest.raises(CannotLink, match="on its way"):
            decide(world.engine, conversation, lead, by="pat@desk")
    world.do("UPDATE domiq_sync.delivery SET state = 'ready'")
    with pytest.raises(CannotLink, match="No lead nothing"):
        link_by_hand(world.engine, conversation, "nothing", by="pat@desk")


def test_no_contact_data_is_stored(world: World) -> None:
    property_id = world.property()
    for n in "ab":
        old_conversation(world, property_id, user=world.user("Bo", "Twin", f"bo{n}@example.com"))
    world.lead(first="Bo", last="Twin", phone=PHONE)
    world.pull()
    assert questions(world)
    tables = world.rows(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'domiq_sync' AND tablename <> 'integration'"
    )
    for t in tables:
        for row in world.rows(f"SELECT t::text AS all_of FROM domiq_sync.{t.tablename} t"):
            assert not re.search(r"twin|example\.com|555\D{0,2}0143", row.all_of.lower()), t.tablename


def test_where_the_property_s_own_contacts_are_not_to_be_had_everything_else_goes_on(world: World) -> None:
    property_id = world.property()
    conversation = old_conversation(world, property_id, email="bo@example.com")
    lead = world.lead(email="bo@example.com")["prospectId"]
    world.standin.faults({"kind": "unauthorized", "code": 20001, "endpoint": "Properties"})
    assert [p.linked for p in world.pull()] == [1]
    assert links(world) == {conversation: (lead, "email")}
    assert len(world.standin.requests("Properties")) == 1
    world.pull()
    assert len(world.standin.requests("Properties")) == 1

"""People with several phones, with extensions, who share an e-mail or put a tag in it: found by the pull and
by the search before a first post alike, and nobody is created twice."""

from __future__ import annotations

from typing import Any

import pytest

from domiq_dagster.db.migrate import execute_script, sql_text
from tests.fixtures.world import World

PHONE, OTHER_PHONE = "202-555-0143", "202-555-0177"
GUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def lead_id(world: World, conversation: Any) -> str:
    found = world.value(
        "SELECT prospect_id FROM domiq_sync.lead_link WHERE conversation_id = :c", c=conversation
    )
    return str(found)


@pytest.fixture(params=["pull", "search"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def settle(world: World, way: str) -> None:
    """Links by a pull, or by the search alone, for which ResMan's v2 shows nobody."""
    if way == "search":
        world.standin.faults(omit_prospects=1.0)
    world.sync()
    world.deliver()


def test_a_spouse_s_shared_e_mail(world: World, way: str) -> None:
    """B13: the one whose first name fits, though the other one is open and this one is not."""
    property_id = world.property()
    world.lead(first="Ann", last="Example", email="us@example.com")
    bob = world.lead(first="Bob", last="Example", email="us@example.com", phone=OTHER_PHONE)
    user = world.user("Bob", "Example", "us@example.com")
    conversation = world.conversation(property_id, "qualified", user=user)
    settle(world, way)
    assert lead_id(world, conversation) == bob["prospectId"]
    assert world.last(conversation).sync_status == "success"
    assert len(world.standin.prospects()) == 2


@pytest.mark.parametrize(("ours", "theirs"), [("bo+flat", "bo"), ("bo", "bo+web"), ("bo+a", "bo+b")])
def test_a_plus_tag_makes_no_second_card(world: World, way: str, ours: str, theirs: str) -> None:
    """B13."""
    property_id = world.property()
    bo = world.lead(first="Bo", last="Example", email=f"{theirs}@example.com")
    user = world.user("Bo", "Example", f"{ours}@example.com")
    conversation = world.conversation(property_id, "qualified", user=user)
    settle(world, way)
    assert lead_id(world, conversation) == bo["prospectId"]
    assert len(world.standin.prospects()) == 1


def test_two_extensions_are_two_people(world: World, way: str) -> None:
    """B2."""
    property_id = world.property()
    world.lead(first="Ann", last="Other", phone="(214) 736-5000 ext. 12")
    user = world.user("Cy", "Example", phone="(214) 736-5000 ext. 34")
    conversation = world.conversation(property_id, "qualified", user=user)
    settle(world, way)
    assert world.last(conversation).sync_status == "success"
    assert len(world.standin.prospects()) == 2


def test_the_second_phone_of_a_customer_is_as_good_as_the_first(world: World) -> None:
    """B1: no second card, and the first phone contradicts nothing."""
    property_id = world.property()
    bo = world.lead(first="Bo", last="Example", phone=PHONE)
    own = 'OrganizationName="ResMan"'
    ids = [("ProspectID", f"{{{bo['prospectId'].upper()}}}"), ("PersonID", bo["people"][0]["personId"])]
    world.standin.control("beside", {"SearchProspects": [
        '<Prospect><Customers><Customer Type="prospect">'
        + "".join(f'<Identification IDType="{kind}" IDValue="{value}" {own}/>' for kind, value in ids)
        + "<Name><FirstName>Bo</FirstName><LastName>Example</LastName></Name>"
        f"<Phone/><Phone><PhoneNumber>{PHONE}</PhoneNumber></Phone>"
        f"<Phone><PhoneNumber>{OTHER_PHONE}</PhoneNumber></Phone></Customer></Customers>"
        '<Events><Event EventType="Show"/></Events></Prospect>'
    ]})  # fmt: skip
    user = world.user("Bo", "Example", phone=OTHER_PHONE)
    conversation = world.conversation(property_id, "qualified", user=user)
    settle(world, "search")
    assert lead_id(world, conversation) == bo["prospectId"]
    assert len(world.standin.prospects()) == 1
    assert world.last(conversation).sync_status == "success"


def test_records_that_cannot_be_read_open_no_breaker_and_create_nobody(world: World) -> None:
    """A4: what a search finds and cannot be read may be the very person; other changes go on."""
    property_id = world.property()
    world.sync()
    world.standin.control("beside", {"SearchProspects": ["<Prospect>rubbish</Prospect>"]})
    chats = [world.conversation(property_id, "qualified", email=f"p{n}@example.com") for n in range(5)]
    world.later()
    world.push()
    assert {row.last_outcome for row in world.rows("SELECT * FROM domiq_sync.delivery")} == {
        "unreadable_record"
    }
    account = world.rows("SELECT consecutive_failures, open_until FROM domiq_sync.account")
    assert {tuple(row) for row in account} <= {(0, None)}
    assert world.standin.prospects() == []
    world.standin.control("beside", {})
    world.deliver()
    assert {world.last(chat).sync_status for chat in chats} == {"success"}


def test_an_id_that_the_application_wrote_in_braces_is_the_lead_s(world: World) -> None:
    """B6: and so are the settings, however they were typed."""
    property_id = world.property()
    world.do("UPDATE domiq_sync.integration SET resman_property_id = '{' || upper(resman_property_id) || '}'")
    lead = world.lead(first="Flo", last="Stored", email="flo@example.com")["prospectId"]
    conversation = world.conversation(property_id, "qualified", email="other@example.com")
    world.do("UPDATE status_sync_log SET resman_lead_id = :l", l=f"{{{lead.upper()}}}")
    world.sync()
    world.deliver()
    assert lead_id(world, conversation) == lead


def test_ids_that_were_stored_in_another_spelling_are_respelt(world: World) -> None:
    """B6: of several spellings of one prospect the newest stays, and one conversation speaks for it."""
    property_id = world.property()
    older, newer = (world.conversation(property_id, "new") for _ in "ab")
    spellings = {GUID.upper(): older, f"{{{GUID}}}": newer}
    for n, (spelling, conversation) in enumerate(spellings.items()):
        values = {"p": property_id, "l": spelling, "n": n, "c": conversation}
        world.do(
            "INSERT INTO domiq_sync.resman_lead (property_id, prospect_id, status, effective_status, "
            "content_hash, read_at) VALUES (:p, :l, 'Lost', 'Lost', 'h', now() + :n * interval '1 second')",
            **values,
        )
        world.do(
            "INSERT INTO domiq_sync.lead_link (conversation_id, property_id, prospect_id, linked_by) "
            "VALUES (:c, :p, :l, 'email')",
            **values,
        )
    for _ in "ab":  # a second time changes nothing
        with world.engine.begin() as connection:
            execute_script(connection, sql_text("021_resman_ids.sql"))
        leads = world.rows("SELECT prospect_id FROM domiq_sync.resman_lead")
        links = world.rows("SELECT conversation_id, prospect_id, is_current FROM domiq_sync.lead_link")
        assert [row.prospect_id for row in leads] == [GUID]
        assert {tuple(row) for row in links} == {(older, GUID, False), (newer, GUID, True)}

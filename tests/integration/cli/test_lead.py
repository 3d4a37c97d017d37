"""lead and duplicates: one lead seen whole, by any of its ids; and prospects that look like one person."""

import re
from html.parser import HTMLParser
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.fixtures.commands import Run
from tests.fixtures.world import POST, World


@pytest.fixture
def story(world: World) -> tuple[UUID, str]:
    """A lead with a history: created, moved by DomIQ, lost by ResMan's staff, linked by hand. Returns its
    conversation and its id at ResMan."""
    flats = world.property(0)
    world.sync()
    user = world.user("Zebedee", "Quillfeather", "zeb@example.com", "+1 212 555 0187")
    chat = world.conversation(flats, "new", user=user)
    world.push()
    world.change(chat, status="qualified")
    world.push()
    world.sync()
    lead = str(world.lead_of(chat)["prospectId"])
    world.standin.edit(lead, status="Lost", lostReason="Zebedee moved away")
    world.sync()
    return chat, lead


def test_both_sides_are_told_over_time_with_all_that_is_on_record(
    run: Run, world: World, env: dict[str, str], story: tuple[UUID, str]
) -> None:
    chat, lead = story
    why = "Zebedee Quillfeather rang from 212 555 0187"
    by = ("--by", "Grace", "--why", why)
    assert run("conflicts", "--link", chat, "--to", lead, *by, **env).code == 0
    done = run("lead", lead, "--json", **env)
    assert (done.code, done.err) == (0, "")
    (one,) = done.result["leads"]
    assert (one["lead"], one["property"], one["domiq_status"], one["resman_status"]) == (
        lead, "juniper-flats", "lost", "Lost",
    )  # fmt: skip
    pairs = [(m["domiq_status"], m["resman_status"]) for m in one["timeline"]]
    assert pairs[0][0] == "new"
    assert ("qualified", "Prospect") in pairs
    assert pairs[-1] == ("lost", "Lost")
    times = [m["at"] for m in one["timeline"]]
    assert times == sorted(times)
    assert [c["new_status"] for c in one["changes"]] == ["new", "qualified", "lost"]
    assert [(link["linked_by"], link["closed_at"] is None) for link in one["links"]][-1] == ("manual", True)
    assert any(d["action"] == "link" and d["who"] == "Grace" for d in one["decisions"])
    assert not re.search(r"zeb|quillfeather|555[ .-]?0187", done.out, re.IGNORECASE)
    line = next(text for text in done.out.splitlines() if " -> " in text and "|" in text)
    assert line.strip().startswith("new|- (")
    assert "lost|Lost (" in line


@pytest.mark.parametrize("kind", ["conversation", "lead", "user", "change", "person"])
def test_a_lead_is_found_by_each_of_its_ids(
    run: Run, world: World, env: dict[str, str], story: tuple[UUID, str], kind: str
) -> None:
    chat, lead = story
    ids = {
        "conversation": chat,
        "lead": lead.upper(),
        "user": world.value("SELECT user_id FROM conversation WHERE id = :c", c=chat),
        "change": world.changes(chat)[0].id,
        "person": world.value("SELECT person_id FROM domiq_sync.resman_lead WHERE prospect_id = :l", l=lead),
    }
    words = {"lead": "lead at ResMan", "user": "user of DomIQ", "person": "person at ResMan"}
    (one,) = run("lead", ids[kind], "--json", **env).result["leads"]
    assert (one["lead"], one["found_as"]) == (lead, [words.get(kind, kind)])


def test_where_an_id_means_several_leads_it_is_said_which(
    run: Run, world: World, env: dict[str, str]
) -> None:
    flats, lofts = world.property(0), world.property(7)
    world.sync()
    user = world.user("Ada", "Example", "ada@example.com")
    for property_id in (flats, lofts):
        world.conversation(property_id, "new", user=user)
    world.push()
    done = run("lead", user, "--json", **env)
    leads = {one["lead"] for one in done.result["leads"]}
    assert len(leads) == 2
    assert f"{user} means 2 leads:" in done.out
    for lead in leads:
        assert f"  lead {lead}, as user of DomIQ" in done.out


def test_what_has_no_lead_yet_is_told_by_its_conversation(
    run: Run, world: World, env: dict[str, str]
) -> None:
    chat = world.conversation(world.property(0), "new")
    (one,) = run("lead", chat, "--json", **env).result["leads"]
    assert (one["lead"], one["domiq_status"], one["resman_status"]) == (None, "new", None)
    assert f"conversation {chat}" in run("lead", chat, **env).out


@pytest.mark.parametrize("identifier", [uuid4(), "nothing-like-an-id"])
def test_a_lead_that_nobody_knows_could_not_be_told(
    run: Run, env: dict[str, str], identifier: object
) -> None:
    assert run("lead", identifier, **env).sentence.startswith(f"Nothing is known of {identifier}:")


class _Page(HTMLParser):
    """What a page consists of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [f"{name}={value}" for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_nothing_else_and_names_nobody(
    run: Run, world: World, env: dict[str, str], story: tuple[UUID, str], tmp_path: Path
) -> None:
    """Whatever a status or a reason holds is text."""
    chat, lead = story
    world.standin.faults({"kind": "refuse", "endpoint": POST, "description": "<script>alert(1)</script> no"})
    world.log(chat, "<b>bold</b>")
    world.push()
    file = tmp_path / "lead.html"
    assert run("lead", chat, "--html", file, **env).code == 0
    page = file.read_text()
    read = _Page()
    read.feed(page)
    assert {"script", "img", "link", "iframe", "b"}.isdisjoint(read.tags)
    assert read.links == []
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
    assert lead in page
    assert not re.search(r"zeb|quillfeather|555[ .-]?0187", page, re.IGNORECASE)
    assert run("lead", chat, "--html", tmp_path, **env).sentence.endswith(
        "is a directory: give --html a file."
    )
    lost = run("lead", chat, "--html", tmp_path / "no" / "lead.html", **env)
    assert "No such file or directory" in str(lost.sentence_with(2))


def test_prospects_that_look_like_one_person_are_listed_by_id_alone(
    run: Run, world: World, env: dict[str, str]
) -> None:
    """By the rules that link leads: a plus-tag is no other person, and a placeholder is nobody."""
    flats = world.property(0)
    world.property(7)
    lead = world.lead(0, email="Ada@example.com", first="Ada", last="Berg")["prospectId"]
    tagged = world.lead(0, email="ada+flat@example.com", first="Ada", last="Berg")["prospectId"]
    for _ in "ab":
        world.lead(0, email="noreply@example.com", first="Cy", last=str(uuid4()))
    world.lead(7, email="ada@example.com", first="Ada", last="Berg")
    world.sync()
    chat = world.conversation(flats, "contacted", email="ada@example.com")
    world.do("INSERT INTO domiq_sync.lead_link (conversation_id, property_id, prospect_id, linked_by) "
             "VALUES (:c, :p, :l, 'email') ON CONFLICT DO NOTHING", c=chat, p=flats, l=lead)  # fmt: skip
    before = world.versions()
    done = run("duplicates", "--json", **env)
    assert (done.code, done.err) == (0, "")
    found = {p["property"]: p["groups"] for p in done.result["properties"]}
    others = [groups for key, groups in found.items() if key != "juniper-flats"]
    (group,) = [g for g in found["juniper-flats"] if lead in [p["id"] for p in g["prospects"]]]
    assert others == [[]]
    assert [p["id"] for p in group["prospects"]] == sorted([lead, tagged])
    assert (group["share"][0], group["names_fit"]) == ("email", True)
    assert {p["id"]: p["conversations"] for p in group["prospects"]} == {lead: 1, tagged: 0}
    assert not re.search(r"example\.com|berg", done.out, re.IGNORECASE)
    assert world.versions() == before

    world.standin.faults({"kind": "status", "status": 500, "endpoint": "Prospects"})
    refused = run("duplicates", "--property", "juniper-flats", "--json", **env)
    assert refused.code == 1
    assert list(refused.result["not_read"]) == ["juniper-flats"]

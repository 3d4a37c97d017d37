"""A property that is connected to another one at ResMan begins anew there."""

from tests.fixtures.world import World


def test_a_property_that_moves_at_resman_takes_nothing_of_the_old_place_along(world: World) -> None:
    """B11: `connect --account`: ids are asked anew, links closed on record, leads and reviews gone."""
    flats = world.property(0)
    chat = world.conversation(flats, "new")
    world.sync(2)
    old = world.value("SELECT prospect_id FROM domiq_sync.lead_link WHERE conversation_id = :c", c=chat)
    world.do(
        "INSERT INTO domiq_sync.link_question (property_id, prospect_id, reason, candidates) "
        "VALUES (:p, 'x', 'alike', 2)",
        p=flats,
    )
    before = world.integrations()[0]
    assert None not in (before.agent_id, before.source_id, before.lost_reason_id)
    spelt = {**world.at_resman[0], "propertyId": world.at_resman[0]["propertyId"].upper()}
    world.at_resman[0] = spelt
    world.connect(flats, 0)
    assert world.integrations()[0] == before  # another spelling is no other property

    moved = world.connect(flats, 7, source_id=before.source_id)

    assert (moved.agent_id, moved.source_id, moved.lost_reason_id) == (None, before.source_id, None)
    assert moved.time_zone == before.time_zone
    assert world.rows("SELECT FROM domiq_sync.lead_link") == []
    assert world.rows("SELECT FROM domiq_sync.resman_lead") == []
    (closed,) = world.rows("SELECT conversation_id, prospect_id, reason FROM domiq_sync.closed_link")
    assert tuple(closed) == (chat, old, "the property was connected to another one at ResMan")
    (review,) = world.rows("SELECT closed_at, resolution FROM domiq_sync.link_question")
    assert review.closed_at is not None

    world.do("UPDATE domiq_sync.integration SET source_id = NULL")
    world.change(chat, status="contacted")
    world.deliver()
    now = world.integrations()[0]
    assert None not in (now.agent_id, now.source_id, now.lost_reason_id)
    assert now.agent_id != before.agent_id
    new = world.value("SELECT prospect_id FROM domiq_sync.lead_link WHERE conversation_id = :c", c=chat)
    assert new != old
    assert world.standin.prospect(new)["status"] == "Contact" or world.told(chat)

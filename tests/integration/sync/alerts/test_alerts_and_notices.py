"""Each change notifies once."""

from __future__ import annotations

from uuid import UUID

from domiq_dagster.sync.notifications.notify import notify_changes
from tests.fixtures.world import World


def prefer(world: World, property_id: UUID, status: str | None, method: str | None, recipients: str) -> None:
    world.do(
        "INSERT INTO status_notification_preferences"
        "(property_id, status_type, notification_method, recipients) VALUES (:p, :s, :m, CAST(:r AS jsonb))",
        p=property_id, s=status, m=method, r=recipients,
    )  # fmt: skip


def test_each_change_notifies_by_its_property_s_preferences_once(world: World) -> None:
    property_id, other = world.property(0), world.property(1)
    prefer(
        world, property_id, "qualified", "in_app", '["property_manager", "property_manager", "leasing_agent"]'
    )
    prefer(world, property_id, None, "email", '{"role": "leasing_agent"}')
    prefer(world, other, "qualified", "in_app", '["somebody else"]')
    prefer(world, property_id, "new", "in_app", '["nobody"]')
    world.do("UPDATE status_notification_preferences SET is_active = FALSE WHERE status_type = 'new'")
    conversation = world.conversation(property_id, "new")
    world.change(conversation, status="qualified")
    done = notify_changes(world.engine)
    assert (done.changes, done.delivered, done.undeliverable) == (2, {"in_app": 2}, {"email": 2})
    rows = world.rows("SELECT * FROM domiq_sync.notification")
    assert sorted((r.channel, r.recipient, r.state) for r in rows) == [
        ("email", "leasing_agent", "undeliverable"),
        ("email", "leasing_agent", "undeliverable"),
        ("in_app", "leasing_agent", "delivered"),
        ("in_app", "property_manager", "delivered"),
    ]
    nobody = "nobody holds the role leasing_agent at this property now"
    assert {r.state_reason for r in rows if r.channel == "email"} == {nobody}
    assert {r.subject for r in rows if r.channel == "in_app"} == {"Juniper Flats: A lead is qualified"}
    assert notify_changes(world.engine).changes == 0
    assert len(world.rows("SELECT FROM domiq_sync.notification")) == 4


def test_a_status_from_resman_notifies_too(world: World) -> None:
    property_id = world.property()
    prefer(world, property_id, "lost", "in_app", '"property_manager"')
    conversation = world.conversation(property_id, "contacted")
    world.sync(2)
    world.standin.edit(world.lead_of(conversation)["prospectId"], status="Lost", lostReason="Location")
    report = world.sync()
    assert report.notified.delivered == {"in_app": 1}
    (notice,) = world.rows("SELECT * FROM domiq_sync.notification")
    assert notice.body == "contacted → lost, changed in ResMan.\nReason: Location"

"""The failed-sync threshold raises one alert a spell, and each change notifies once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.alerts import Threshold, raise_alerts, threshold_state
from domiq_dagster.sync.notify import notify_changes


def settled(world: Any, place: UUID, success: int, failed: int) -> None:
    """So many settled changes of a property, as the application or the sync may have logged them."""
    conversation = world.conversation(place, "active")
    for status, n in (("success", success), ("failed", failed)):
        world.do(
            "INSERT INTO status_sync_log"
            "(conversation_id, new_status, sync_direction, sync_status, context_data) "
            "SELECT :c, 'new', 'to_resman', :s, CAST(:x AS jsonb) FROM generate_series(1, :n)",
            c=conversation, s=status, n=n, x='{"sync": {"outcome": "unknown_source"}}',
        )  # fmt: skip


def check(world: Any, **threshold: Any) -> tuple[list[str], list[str]]:
    return raise_alerts(world.engine, threshold_state(world.engine, Threshold(**threshold)))


@pytest.mark.parametrize(
    ("success", "failed", "past"),
    [(99, 1, False), (98, 2, True), (0, 9, False), (0, 10, True), (0, 0, False), (2100, 21, True)],
)
def test_the_threshold(world: Any, success: int, failed: int, past: bool) -> None:
    settled(world, world.property(), success, failed)
    state = threshold_state(world.engine, Threshold())
    assert [f.partition_key for f in state.past] == (["juniper-flats"] if past else [])
    (figures,) = state.all
    assert (figures.success, figures.failed) == (success, failed)
    assert figures.main_reason == ("unknown_source" if failed else None)


def test_one_alert_a_spell_and_one_word_when_it_is_over(world: Any) -> None:
    bad = world.property(0)
    settled(world, world.property(1), 20, 0)
    settled(world, bad, 0, 10)
    assert check(world) == (["juniper-flats"], [])
    assert check(world) == ([], [])
    (alert,) = world.rows("SELECT * FROM domiq_sync.alert")
    assert (alert.property_id, alert.closed_at) == (bad, None)
    assert (alert.figures["failed"], alert.figures["main_reason"]) == (10, "unknown_source")
    (notice,) = world.rows("SELECT * FROM domiq_sync.notification")
    assert "10 of 10 status syncs failed, mostly unknown_source" in notice.body
    assert "retry --property juniper-flats" in notice.body
    settled(world, bad, 5000, 0)
    assert check(world) == ([], ["juniper-flats"])
    assert check(world) == ([], [])
    settled(world, bad, 0, 100)
    assert check(world) == (["juniper-flats"], [])
    assert len(world.rows("SELECT FROM domiq_sync.alert")) == 2
    assert len(world.rows("SELECT FROM domiq_sync.notification WHERE alert_id IS NOT NULL")) == 3


def test_the_window_forgets(world: Any) -> None:
    settled(world, world.property(), 0, 10)
    later = datetime.now(UTC) + timedelta(hours=25)
    assert threshold_state(world.engine, Threshold(), now=later).past == []


def prefer(world: Any, place: UUID, status: str | None, method: str | None, recipients: str) -> None:
    world.do(
        "INSERT INTO status_notification_preferences"
        "(property_id, status_type, notification_method, recipients) VALUES (:p, :s, :m, CAST(:r AS jsonb))",
        p=place, s=status, m=method, r=recipients,
    )  # fmt: skip


def test_each_change_notifies_by_its_property_s_preferences_once(world: Any) -> None:
    place, other = world.property(0), world.property(1)
    prefer(world, place, "qualified", "in_app", '["property_manager", "property_manager", "leasing_agent"]')
    prefer(world, place, None, "email", '{"role": "leasing_agent"}')
    prefer(world, other, "qualified", "in_app", '["somebody else"]')
    prefer(world, place, "new", "in_app", '["nobody"]')
    world.do("UPDATE status_notification_preferences SET is_active = FALSE WHERE status_type = 'new'")
    conversation = world.conversation(place, "new")
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


def test_a_status_from_resman_notifies_too(world: Any) -> None:
    place = world.property()
    prefer(world, place, "lost", "in_app", '"property_manager"')
    conversation = world.conversation(place, "contacted")
    world.sync(2)
    world.standin.edit(world.lead_of(conversation)["prospectId"], status="Lost", lostReason="Location")
    report = world.sync()
    assert report.notified.delivered == {"in_app": 1}
    (notice,) = world.rows("SELECT * FROM domiq_sync.notification")
    assert notice.body == "contacted -> lost, changed in ResMan. Location"

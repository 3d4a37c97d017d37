"""Breaking and mending touch the demo's own world alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from domiq_dagster.demo.steering import break_it, mend_all
from domiq_dagster.runtime.dev_home import DAGSTER_UI, CannotBreak, tell_environment
from domiq_dagster.runtime.home_lock import alone
from tests.fixtures.world import World


def test_a_database_that_is_not_the_demos_is_neither_broken_nor_mended(world: World, tmp_path: Path) -> None:
    property_id = world.property()
    world.conversation(property_id, "new")
    world.sync()
    url = world.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    leads_to = {
        "DOMIQ_DATABASE_URL": url,
        "RESMAN_V2_URL": "http://127.0.0.1:9",
        DAGSTER_UI: "http://127.0.0.1:9",
    }
    with alone(tmp_path, "dev"):
        tell_environment(tmp_path, leads_to)
        with pytest.raises(CannotBreak, match="is not the demo's: nothing was done"):
            break_it(tmp_path, "rule")
        with pytest.raises(CannotBreak, match="is not the demo's: nothing was done"):
            mend_all(tmp_path, by="somebody")
    assert world.value("SELECT count(*) FROM status_workflow_rules") == 0
    assert not (tmp_path / "breaks.json").exists()

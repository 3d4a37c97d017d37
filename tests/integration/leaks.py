"""What a worker that has stopped must not leave behind."""

from __future__ import annotations

import time

from tests.fixtures.world import World

_LEAKS = """
SELECT 'delivery ' || state FROM domiq_sync.delivery
WHERE state NOT IN ('ready', 'waiting') OR worker IS NOT NULL
UNION ALL
SELECT 'a slot of account ' || resman_account_id FROM domiq_sync.account_turn WHERE busy_until IS NOT NULL
UNION ALL
SELECT 'an advisory lock' FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND d.datname = current_database()
UNION ALL
SELECT 'a transaction of ' || application_name FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""


def leaks(world: World, seconds: float = 5.0) -> list[str]:
    """Claims, unknown outcomes, slots, locks and transactions in a world's database. Sessions whose process
    has just ended are given a moment to end too."""
    deadline = time.monotonic() + seconds
    while (found := [row[0] for row in world.rows(_LEAKS)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found

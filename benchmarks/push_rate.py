"""How fast changes reach ResMan, held against what its latency allows: one request at a time per account.

One JSON line: for one account, and for 20 accounts with 4 worker processes' worth of accounts at a time.
"""

from __future__ import annotations

import json
import sys
import time

from sqlalchemy import text
from world import World, fill, latency, world

from domiq_dagster.sync.push import Budget, push


def measure(w: World, changes: int, max_accounts: int) -> dict[str, float]:
    with w.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE public.conversation SET status = 'contacted' WHERE id IN "
                "(SELECT id FROM (SELECT c.id, "
                "row_number() OVER (PARTITION BY chatbot_id ORDER BY c.id) AS n "
                "FROM public.conversation c WHERE status = 'new') AS x WHERE n <= :n)"
            ),
            {"n": changes},
        )
    began = time.perf_counter()
    report = push(w.engine, w.client, budget=Budget(600, 1_000_000), max_accounts=max_accounts)
    seconds = time.perf_counter() - began
    assert report.total("success") == report.delivered > 0, report
    return {
        "pushes": report.delivered,
        "seconds": round(seconds, 3),
        "per_second": report.delivered / seconds,
    }


def main() -> None:
    result: dict[str, object] = {"benchmark": "push_rate"}
    for name, accounts, changes in (("one_account", 1, 150), ("twenty_accounts", 20, 40)):
        print(f"{name} ...", file=sys.stderr)
        with world(pool_size=60) as w:
            fill(w, accounts=accounts, leads=changes + 10)
            push(w.engine, w.client, max_accounts=accounts)  # fills the settings
            one = latency(w, 0.1)
            figures = measure(w, changes, accounts)
            limit = accounts / one
            result[name] = {
                **figures,
                "latency": round(one, 4),
                "limit": limit,
                "share_of_limit": figures["per_second"] / limit,
            }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

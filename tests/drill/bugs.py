"""The bugs that the drill plants: each an edit of one file of the engine, and who is expected to catch it.

What an edit replaces must be there, once: test_drill.py says so when the engine was rewritten, and the bug
must then be planted in another way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DELIVERY = "tests/drill/search.py::test_the_way_out"
"""Random steps of the delivery machine, others with each seed."""
TWO_SIDES = "tests/drill/search.py::test_both_ways"
"""Random steps of the two-sided machine, others with each seed."""
_SYNC = "tests/integration/sync"
_DAGSTER = "tests/integration/dagster"


@dataclass(frozen=True, slots=True)
class Bug:
    """One edit: in `path`, `old` becomes `new`.

    Attributes:
        name: what is wrong then.
        catchers: the tests that are run, one after the other, until one fails. Those of search.py are run
            with one seed after the other; any other is the same each time.
    """

    name: str
    path: str
    old: str
    new: str
    catchers: Sequence[str]


BUGS: tuple[Bug, ...] = (
    Bug(
        "settling asks for no fencing token",
        "domiq_dagster/sync/queue/queue.sql",
        "      AND d.change_id = given.change_id AND d.lease_token = given.lease_token\n",
        "      AND d.change_id = given.change_id\n",
        [DELIVERY],
    ),
    Bug(
        "postponing asks for no fencing token",
        "domiq_dagster/sync/queue/queue.sql",
        "    WHERE change_id = :change_id AND lease_token = :lease_token RETURNING change_id\n",
        "    WHERE change_id = :change_id RETURNING change_id\n",
        [DELIVERY],
    ),
    Bug(
        "an unknown outcome is not read back",
        "domiq_dagster/sync/queue/queue.sql",
        "due.found_state IN ('in_flight', 'unknown') AS outcome_unknown",
        "FALSE AS outcome_unknown",
        [DELIVERY],
    ),
    Bug(
        "a lease that ran out is taken for one that was never sent",
        "domiq_dagster/sync/queue/queue.sql",
        "due.found_state IN ('in_flight', 'unknown') AS outcome_unknown",
        "due.found_state = 'unknown' AS outcome_unknown",
        [DELIVERY],
    ),
    Bug(
        "the lease is not asked for once more before a post",
        "domiq_dagster/sync/account_gate.py",
        "        if not _asked.get().may_be_sent(slot.connection):\n            raise NotWanted\n",
        "        _asked.get().may_be_sent(slot.connection)\n",
        [DELIVERY],
    ),
    Bug(
        "a heartbeat extends no lease",
        "domiq_dagster/sync/queue/queue.sql",
        "UPDATE domiq_sync.delivery d SET next_attempt_at = clock_timestamp() + :lease_seconds * interval '1 second'\n",
        "UPDATE domiq_sync.delivery d SET next_attempt_at = next_attempt_at\n",
        [f"{_SYNC}/queue/test_heartbeat.py"],
    ),
    Bug(
        "the next of a lane never comes forward",
        "domiq_dagster/sync/queue/queue.sql",
        "    SET is_head = TRUE, next_attempt_at = greatest(d.next_attempt_at, clock_timestamp())\n",
        "    SET next_attempt_at = greatest(d.next_attempt_at, clock_timestamp())\n",
        [DELIVERY, f"{_SYNC}/queue/test_queue.py"],
    ),
    Bug(
        "a delivery in turn is claimed beside those of its lane that are not",
        "domiq_dagster/sync/queue/queue.sql",
        "                                  AND (o.seq < d.seq OR o.state = 'in_flight') OFFSET 0)\n",
        "                                  AND o.state = 'in_flight' OFFSET 0)\n",
        [DELIVERY, f"{_SYNC}/queue/test_in_turn.py"],
    ),
    Bug(
        "what is due is asked of the transaction's time",
        "domiq_dagster/sync/queue/queue.sql",
        "d.is_head AND d.next_attempt_at <= (SELECT clock_timestamp())\n"
        "      AND d.next_attempt_at >= CAST(:due_from AS timestamptz)\n      -- It may",
        "d.is_head AND d.next_attempt_at <= (SELECT now())\n"
        "      AND d.next_attempt_at >= CAST(:due_from AS timestamptz)\n      -- It may",
        [DELIVERY],
    ),
    Bug(
        "the account's slot lets a second request in while the first may be under way",
        "domiq_dagster/sync/account_gate.sql",
        "        WHERE t.epoch = :epoch AND (t.busy_until IS NULL OR t.busy_until <= clock_timestamp())\n"
        "    RETURNING t.holder\n",
        "        WHERE t.epoch = :epoch\n    RETURNING t.holder\n",
        [f"{_SYNC}/test_account_gate.py"],
    ),
    Bug(
        "what the sync writes is captured as the chatbot's",
        "domiq_dagster/sync/decisions/apply.sql",
        "set_config('domiq_sync.origin', 'resman', true)",
        "set_config('domiq_sync.origin', '', true)",
        [TWO_SIDES],
    ),
    Bug(
        "a decision locks no conversation",
        "domiq_dagster/sync/decisions/apply.sql",
        "AND i.sync_enabled))\nFOR UPDATE\n",
        "AND i.sync_enabled))\n",
        [TWO_SIDES, f"{_SYNC}/decisions/test_apply.py"],
    ),
    Bug(
        "the pair last agreed is forgotten: whatever differs moved on both sides",
        "domiq_dagster/sync/decisions/apply.py",
        "        if self.agreed_resman_status is None:\n            return None\n        return Pair(",
        "        if self.agreed_resman_status is not None:\n            return None\n        return Pair(",
        [TWO_SIDES],
    ),
    Bug(
        "nothing is read before a post that may undo what staff did",
        "domiq_dagster/sync/delivery/resolving.py",
        "        return self.status != RESMAN_PROSPECT or self.target not in _MOVES_NOTHING\n",
        "        return False\n",
        [TWO_SIDES, f"{_SYNC}/delivery/test_staff_moves.py"],
    ),
    Bug(
        "a pull stores old news over what a later one brought",
        "domiq_dagster/sync/pull/staging.sql",
        " AND kept.read_at <= EXCLUDED.read_at",
        "",
        [TWO_SIDES, f"{_SYNC}/test_two_sided_variants.py"],
    ),
    Bug(
        "the watermark is the time of the pull",
        "domiq_dagster/sync/pull/record.sql",
        "THEN least(greatest(kept.watermark, EXCLUDED.watermark), EXCLUDED.last_pull_at)",
        "THEN EXCLUDED.last_pull_at",
        [TWO_SIDES, f"{_SYNC}/pull/test_pull.py"],
    ),
    Bug(
        "one lead that the database refuses ends the pass",
        "domiq_dagster/sync/trouble.py",
        "        except Exception as fault:\n            if is_lost_database(fault):\n                raise\n            self._log(key, fault)\n",
        "        except Exception as fault:\n            if fault:\n                raise\n            self._log(key, fault)\n",
        [f"{_SYNC}/decisions/test_refused_leads.py"],
    ),
    Bug(
        "one change's fault ends the push",
        "domiq_dagster/sync/delivery/worker.py",
        "        except Exception as fault:\n            outcome = self._after_fault(context, fault)\n",
        "        except ZeroDivisionError as fault:\n            outcome = self._after_fault(context, fault)\n",
        [f"{_SYNC}/delivery/test_faults_of_changes.py"],
    ),
    Bug(
        "Dagster's status of a run is trusted, whatever its process says",
        "domiq_dagster/run_liveness.py",
        "    if run.status is dg.DagsterRunStatus.QUEUED or seen.get(run.run_id, False):\n",
        "    if run.status in UNDER_WAY:\n",
        [f"{_DAGSTER}/test_dead_runs.py"],
    ),
    Bug(
        "an outage counts as a try of the change's own",
        "domiq_dagster/sync/delivery/worker.py",
        '        return Postpone(error.kind, seconds, state="ready")\n',
        '        return Postpone(error.kind, seconds, state="ready", counted=True)\n',
        [DELIVERY],
    ),
    Bug(
        "one person's two conversations are not kept apart while a lead is created",
        "domiq_dagster/sync/delivery/resolving.py",
        "        if not self._person.take(change.user_id):\n            return self._person_is_taken()\n        context = self._context\n",
        "        context = self._context\n",
        [DELIVERY, f"{_SYNC}/delivery/test_interleavings.py"],
    ),
    Bug(
        "a change is settled without the pair being agreed",
        "domiq_dagster/sync/delivery/worker.py",
        "            agree(connection, settle.agreed)\n",
        "            pass\n",
        [TWO_SIDES, DELIVERY],
    ),
    Bug(
        "a capture that fails fails the application's transaction",
        "sql/105_capture.sql",
        "EXCEPTION WHEN OTHERS THEN\n    PERFORM domiq_sync.give_up('capture', SQLSTATE);\n    PERFORM domiq_sync.count_miss();\n"
        "    RAISE WARNING 'domiq_sync: the status",
        "EXCEPTION WHEN OTHERS THEN\n    RAISE EXCEPTION USING ERRCODE = 'query_canceled';\n"
        "    RAISE WARNING 'domiq_sync: the status",
        ["tests/integration/test_capture.py"],
    ),
    Bug(
        "of what the application changed twice in a transaction only the first is logged",
        "sql/105_capture.sql",
        "    PERFORM set_config('domiq_sync.logging', 'trigger', true);\n    IF NOT is_new",
        "    IF EXISTS (SELECT FROM domiq_sync.change c JOIN public.status_sync_log g ON g.id = c.change_id\n"
        "               WHERE c.conversation_id = of_conversation AND g.created_at = now()) THEN\n        RETURN;\n    END IF;\n"
        "    PERFORM set_config('domiq_sync.logging', 'trigger', true);\n    IF NOT is_new",
        [DELIVERY, "tests/integration/test_capture.py"],
    ),
    Bug(
        "what a pull could not read is hidden by its watermark",
        "domiq_dagster/sync/pull/unreadable.py",
        "        return [key for key in self._least_lately_met if key in missed and not key.startswith(WITHOUT_ID)]\n",
        "        return [key for key in self._least_lately_met if key in missed and key.startswith(WITHOUT_ID)]\n",
        [f"{_SYNC}/pull/test_unreadable_prospects.py"],
    ),
)

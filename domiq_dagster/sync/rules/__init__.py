"""Workflow rules: what status_workflow_rules asks to be done about each logged change.

Pure: `fields`, `comparisons`, `conditions`, `clock`, `actions`, `compile`, `judge`, `loops`. On the database:
`store` reads, `carry` and `messages` write, `run` runs, `check` examines, `replay` plans.
"""

from domiq_dagster.sync.rules.run import RulesRun, run_rules

__all__ = ["RulesRun", "run_rules"]

"""Workflow rules: what status_workflow_rules asks to be done about each logged change.

Pure: `facts`, `fields`, `operands`, `comparisons`, `conditions`, `clock`, `effects`, `actions`, `compile`,
`evaluate`, `loops`, `replay`, `rule_file`. On the database: `store` and `changes` read, `execute`, `messages`
and `batch` write, `property_run` and `run` run, `check` examines, `plan` plans.
"""

from domiq_dagster.sync.rules.run import RulesRun, run_rules

__all__ = ["RulesRun", "run_rules"]

"""Workflow rules: what status_workflow_rules asks to be done about each logged change, once.

What belongs here: understanding a rule, evaluating it (all of that is pure), executing it, and planning
or examining rules before they run. What does not: sending what a rule wants told (notifications), and
bringing its moves to ResMan (delivery).
"""

from domiq_dagster.sync.rules.run import RulesRun, run_rules

__all__ = ["RulesRun", "run_rules"]

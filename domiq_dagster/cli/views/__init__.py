"""What the command line shows: results as plain values (for --json), as tables, and as a story.

What belongs here: putting into words what the engine found. What does not: options, exit codes and whatever
asks a database, which are the commands'.
"""

from domiq_dagster.cli.views.alerts import (
    backtest_result,
    evaluation_result,
    print_alerts,
    print_backtest,
    print_evaluation,
    print_thresholds,
    thresholds_result,
)
from domiq_dagster.cli.views.conflicts import print_conflicts, print_doubts, print_link_reviews
from domiq_dagster.cli.views.failures import failures_result, print_failures
from domiq_dagster.cli.views.forecasts import print_forecasts, print_migration, print_survey
from domiq_dagster.cli.views.housekeeping import print_erased, print_exported, print_housekept
from domiq_dagster.cli.views.notices import notices_result, print_notices
from domiq_dagster.cli.views.pauses import paused_result, print_paused, print_resumed, resumed_result
from domiq_dagster.cli.views.report import print_report, report_result
from domiq_dagster.cli.views.results import pass_result, retry_result, status_result
from domiq_dagster.cli.views.rules import (
    print_rules_check,
    print_rules_plan,
    rules_check_result,
    rules_plan_result,
)
from domiq_dagster.cli.views.story import print_story
from domiq_dagster.cli.views.tables import (
    print_accounts,
    print_demo,
    print_findings,
    print_pass,
    print_requests,
    print_retried,
    print_status,
)

__all__ = [
    "backtest_result",
    "evaluation_result",
    "failures_result",
    "notices_result",
    "pass_result",
    "paused_result",
    "print_accounts",
    "print_alerts",
    "print_backtest",
    "print_conflicts",
    "print_demo",
    "print_doubts",
    "print_erased",
    "print_evaluation",
    "print_exported",
    "print_failures",
    "print_findings",
    "print_forecasts",
    "print_housekept",
    "print_link_reviews",
    "print_migration",
    "print_notices",
    "print_pass",
    "print_paused",
    "print_report",
    "print_requests",
    "print_resumed",
    "print_retried",
    "print_rules_check",
    "print_rules_plan",
    "print_status",
    "print_story",
    "print_survey",
    "print_thresholds",
    "report_result",
    "resumed_result",
    "retry_result",
    "rules_check_result",
    "rules_plan_result",
    "status_result",
    "thresholds_result",
]

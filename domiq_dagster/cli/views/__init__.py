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
from domiq_dagster.cli.views.duplicates import duplicates_result, print_duplicates
from domiq_dagster.cli.views.failures import failures_result, print_failures
from domiq_dagster.cli.views.forecasts import print_forecasts, print_migration, print_survey
from domiq_dagster.cli.views.history import history_result, print_history
from domiq_dagster.cli.views.housekeeping import print_erased, print_exported, print_housekept
from domiq_dagster.cli.views.lead import lead_result, print_lead
from domiq_dagster.cli.views.lead_page import lead_page
from domiq_dagster.cli.views.map_plan import map_plan_result, print_map_plan
from domiq_dagster.cli.views.notices import notices_result, print_notices
from domiq_dagster.cli.views.pauses import paused_result, print_paused, print_resumed, resumed_result
from domiq_dagster.cli.views.properties import print_properties, properties_result
from domiq_dagster.cli.views.report import print_report, report_result
from domiq_dagster.cli.views.results import pass_result, retry_result, status_result
from domiq_dagster.cli.views.rules import (
    print_rules_check,
    print_rules_plan,
    rules_check_result,
    rules_plan_result,
)
from domiq_dagster.cli.views.standing import print_status, status_screen
from domiq_dagster.cli.views.story import print_story
from domiq_dagster.cli.views.tables import (
    print_accounts,
    print_demo,
    print_findings,
    print_pass,
    print_requests,
    print_retried,
)
from domiq_dagster.cli.views.uninstalling import print_uninstall_plan, print_uninstalled, what_goes

__all__ = [
    "backtest_result",
    "duplicates_result",
    "evaluation_result",
    "failures_result",
    "history_result",
    "lead_page",
    "lead_result",
    "map_plan_result",
    "notices_result",
    "pass_result",
    "paused_result",
    "print_accounts",
    "print_alerts",
    "print_backtest",
    "print_conflicts",
    "print_demo",
    "print_doubts",
    "print_duplicates",
    "print_erased",
    "print_evaluation",
    "print_exported",
    "print_failures",
    "print_findings",
    "print_forecasts",
    "print_history",
    "print_housekept",
    "print_lead",
    "print_link_reviews",
    "print_map_plan",
    "print_migration",
    "print_notices",
    "print_pass",
    "print_paused",
    "print_properties",
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
    "print_uninstall_plan",
    "print_uninstalled",
    "properties_result",
    "report_result",
    "resumed_result",
    "retry_result",
    "rules_check_result",
    "rules_plan_result",
    "status_result",
    "status_screen",
    "thresholds_result",
    "what_goes",
]

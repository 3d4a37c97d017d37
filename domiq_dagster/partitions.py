"""How the assets are cut: by connected property, and by day. A new way of cutting belongs here; which keys
there are is the business of `sensors.connected_properties`, which days are missing that of
`sensors.missing_days`, ranges of them that of `ranges`."""

import warnings

import dagster as dg

# The parameter has been beta for two years, and one run for many partitions hangs on it. Whoever gives an
# asset the policy below has imported this module before, so nobody is warned.
warnings.filterwarnings("ignore", message=".*backfill_policy", category=dg.BetaWarning)

properties = dg.DynamicPartitionsDefinition(name="property")
"""One key a connected property, the one of `domiq_sync.integration.partition_key`; kept by a sensor."""

days = dg.DailyPartitionsDefinition(start_date="2026-01-01", timezone="UTC", end_offset=1)
"""UTC days; today counts, since its figures are worth a look before it is over."""

one_run = dg.BackfillPolicy.single_run()
"""One run for all chosen partitions: a run takes seconds to start, one property much less to pull."""

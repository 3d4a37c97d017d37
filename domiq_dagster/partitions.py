"""How the assets are cut: by connected property, and by day."""

from dagster import DailyPartitionsDefinition, DynamicPartitionsDefinition

properties = DynamicPartitionsDefinition(name="property")
"""One key a connected property, the one of `domiq_sync.integration.partition_key`; kept by a sensor."""

days = DailyPartitionsDefinition(start_date="2026-01-01", timezone="UTC", end_offset=1)
"""UTC days; today counts, since its figures are worth a look before it is over."""

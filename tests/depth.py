"""How deep the property tests go: as far as an everyday run has time for, or for minutes in a soak."""

from __future__ import annotations

import os

SOAK_MINUTES = float(os.environ.get("DOMIQ_SOAK_MINUTES") or 0)
"""0 in an everyday run."""


def examples(everyday: int) -> int:
    """How many examples a test tries. A soak of ten minutes tries twenty times as many."""
    return max(everyday, round(everyday * 2 * SOAK_MINUTES))

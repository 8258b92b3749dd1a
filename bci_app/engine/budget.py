"""When a latency has been over its budget for so long that somebody should know."""

from __future__ import annotations

import math

BUDGET_MS = 50.0
"""Largest accepted 95th percentile of the software latency, from the last sample in hand to the picture in Qt."""
PATIENCE_S = 5.0
"""How long it may be over before it is said."""


class BudgetWatch:
    """Says that a 95th percentile has been over its budget for `patience_s` seconds on end; used by one thread.

    Parameters
    ----------
    budget_ms : float
        Largest accepted value.
    patience_s : float
        A shorter excess is not told.
    """

    def __init__(self, budget_ms: float = BUDGET_MS, patience_s: float = PATIENCE_S) -> None:
        self.budget_ms = budget_ms
        self.patience_s = patience_s
        self._over_since_s = math.nan

    def look(self, p95_ms: float | None, now_s: float) -> str:
        """The warning as it stands at `now_s` seconds of any one clock; empty if there is none.

        Parameters
        ----------
        p95_ms : float or None
            The percentile now; None before the first result, which is within every budget.
        """
        if p95_ms is None or p95_ms <= self.budget_ms:
            self._over_since_s = math.nan
            return ""
        if math.isnan(self._over_since_s):
            self._over_since_s = now_s
        over_s = now_s - self._over_since_s
        if over_s < self.patience_s:
            return ""
        return f"OVER BUDGET for {over_s:.0f} s"

"""The way from a sender's clock to ours, steered and not set: what LSL measures is unsteady, clocks are not."""

from __future__ import annotations

_SLEW = 5e-4
"""Seconds per second, the most by which NTP steers a clock (RFC 5905, MAXFREQ); quartzes differ by a fifth of it."""
_FAR_S, _FAR_FOR_S = 0.05, 5.0
"""A measurement that stays so far away for so long is believed: LSL measures every two seconds."""


class ClockOffset:
    """Follows the offsets that LSL measures, by half a millisecond per second at most.

    Each measurement errs by up to half the time that its message took, which on a busy network is milliseconds, and all
    samples until the next one are stamped with it: set at once, it would look like samples that are missing, or that come too
    close together. Steered, the step between two blocks differs from the true one by 0.05 % of its length, far less than a
    sample. Where the measurement stays away by more than 50 ms for five seconds, one of the clocks was set or a machine
    slept; then the offset is set too, and whoever looks at the time stamps sees the step.

    Parameters
    ----------
    measured_s : float
        The first measurement, in seconds to be added to the sender's time stamps.
    at_s : float
        When it was made, on any steady clock, in seconds.
    """

    def __init__(self, measured_s: float, at_s: float) -> None:
        self.seconds = measured_s
        self._at_s = at_s
        self._far_since_s: float | None = None

    def follow(self, measured_s: float, at_s: float) -> float:
        """The offset in seconds to be used now, after a measurement."""
        away_s = measured_s - self.seconds
        if abs(away_s) <= _FAR_S:
            self._far_since_s = None
        elif self._far_since_s is None:
            self._far_since_s = at_s
        elif at_s - self._far_since_s > _FAR_FOR_S:
            self.seconds, self._far_since_s = measured_s, None
            away_s = 0.0
        most_s = _SLEW * max(at_s - self._at_s, 0.0)
        self.seconds += min(max(away_s, -most_s), most_s)
        self._at_s = at_s
        return self.seconds

"""The rate a stream sends at against the one it declares: through the cutter, as live."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bci_app.contract.errors import RateError
from bci_app.streams.cutting import ChunkCutter
from bci_app.streams.rate import RateWatch

DECLARED = 250.0


def watched(times: np.ndarray, size: int = 20) -> int:
    """Send samples stamped `times` in blocks of `size`; how many gaps were seen."""
    cutter, watch = ChunkCutter(np.arange(1), np.ones(1), DECLARED), RateWatch(DECLARED, "stream 'amp'")
    gaps = 0
    for start in range(0, len(times), size):
        stamps = times[start : start + size]
        for chunk in cutter.cut(np.zeros((len(stamps), 1)), stamps, 0.0):
            watch.add(chunk, cutter.slack_s)
            gaps += chunk.gap_before
    return gaps


def each_stamped(sfreq: float, seconds: float) -> np.ndarray:
    return 100.0 + np.arange(int(seconds * sfreq)) / sfreq


def pushed(sfreq: float, seconds: float, size: int = 20, declared: float = DECLARED) -> np.ndarray:
    """As LSL stamps pushes of `size` samples: the last with the clock, those before it at the nominal rate."""
    last = 100.0 + size / sfreq * np.arange(1, int(seconds * sfreq / size))
    return (last[:, None] + np.arange(1 - size, 1) / declared).ravel()


def on_arrival(period_s: float, late_s: float, seconds: float, seed: int = 0) -> np.ndarray:
    """Batches that hold `period_s` of samples, all stamped when they came, up to `late_s` late."""
    size, rng = round(period_s * DECLARED), np.random.default_rng(seed)
    came = 100.0 + period_s * np.arange(int(seconds / period_s))
    return np.repeat(came + rng.uniform(0, late_s, len(came)), size)


@pytest.mark.parametrize("stamped", [each_stamped, pushed])
@pytest.mark.parametrize("sfreq", [50.0, 100.0, 125.0, 200.0, 240.0, 256.0, 300.0, 500.0, 1000.0])
def test_another_rate_than_declared_is_refused_within_some_seconds(
    stamped: Callable[..., np.ndarray], sfreq: float
) -> None:
    with pytest.raises(RateError, match="stream 'amp' must come at the 250 Hz that it declares") as caught:
        watched(stamped(sfreq, 12.0))
    told = float(str(caught.value).split("about ")[1].split(" Hz")[0])
    assert told == pytest.approx(sfreq, rel=0.05)


def test_rate_that_changes_later_is_refused() -> None:
    right = each_stamped(DECLARED, 60.0)
    with pytest.raises(RateError, match="show"):
        watched(np.concatenate([right, right[-1] + np.arange(1, 6000) / 500.0]))


@pytest.mark.parametrize("sfreq", [250.0, 250.5, 249.0, 254.0])
@pytest.mark.parametrize("stamped", [each_stamped, pushed])
def test_rate_within_two_percent_is_taken(stamped: Callable[..., np.ndarray], sfreq: float) -> None:
    watched(stamped(sfreq, 60.0))


@pytest.mark.parametrize("jitter_s", [0.0, 0.0005])
def test_rate_at_which_each_step_may_or_may_not_be_a_gap_is_refused(jitter_s: float) -> None:
    times = each_stamped(100.0, 12.0)
    with pytest.raises(RateError, match="about 100 Hz"):
        watched(times + np.random.default_rng(0).uniform(0, jitter_s, len(times)))


@pytest.mark.parametrize("stalled_s", [0.05, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("at_s", [0.0, 0.5, 4.0, 30.0])
def test_sender_that_stalls_and_catches_up_is_taken(stalled_s: float, at_s: float) -> None:
    times = each_stamped(DECLARED, 60.0)
    stalled = (times > 100.0 + at_s) & (times < 100.0 + at_s + stalled_s)
    times[stalled] = 100.0 + at_s + stalled_s
    watched(times)


@pytest.mark.parametrize(("period_s", "late_s"), [(0.004, 0.03), (0.048, 0.02), (0.128, 0.05), (0.2, 0.1)])
def test_sender_that_stamps_on_arrival_is_taken(period_s: float, late_s: float) -> None:
    for seed in range(3):
        watched(on_arrival(period_s, late_s, 60.0, seed))


def test_samples_that_get_lost_are_gaps_and_no_other_rate() -> None:
    rng = np.random.default_rng(1)
    kept = np.repeat(rng.random(1500) > 0.2, 10)  # one packet of ten samples in five is lost
    assert watched(each_stamped(DECLARED, 60.0)[kept]) > 200


def test_outages_are_gaps_and_no_other_rate() -> None:
    times = each_stamped(DECLARED, 60.0)
    assert watched(times[(times * 2).astype(int) % 9 != 0]) == 13


@pytest.mark.parametrize("declared", [0.1, 0.4, 2.0])
@pytest.mark.parametrize("share", [0.9, 0.95, 1.0, 1.05, 1.25])
def test_the_rate_of_a_scanner_is_judged_after_five_volumes(declared: float, share: float) -> None:
    cutter, watch = ChunkCutter(np.arange(1), np.ones(1), declared), RateWatch(declared, "stream 'scanner'")
    rng, sfreq = np.random.default_rng(0), share * declared
    stamps = 100.0 + np.arange(100) / sfreq + rng.uniform(0, 0.02 / sfreq, 100)
    for number, stamp in enumerate(stamps):
        (chunk,) = cutter.cut(np.zeros((1, 1)), np.array([stamp]), 0.0)
        assert not chunk.gap_before
        if share != 1.0 and number == 5 * max(round(declared), 1):
            with pytest.raises(RateError, match="stream 'scanner' must come at the"):
                watch.add(chunk, cutter.slack_s)
            return
        watch.add(chunk, cutter.slack_s)
    assert share == 1.0

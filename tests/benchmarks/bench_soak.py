"""A whole session under load for ten minutes: lost samples, the longest stall of the window, growth of memory, latency.

64 channels at 1000 Hz, the window with its viewer, ten pictures a second read, all recorded. A timer in the GUI thread asks
to be called every 5 ms; the longest time between two calls is the longest stall. Memory is what the process holds (resident
set), once a second.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from tests.benchmarks.bench_latency import latency_rows, loss_rows, run, step_details
from tests.benchmarks.results import Row, publish

BEAT_MS, LONG_S = 5, 0.02
SETTLED_S, SPAN_S = 10.0, 10.0
MB = 2**20


class Watch:
    """Timers in the GUI thread that note memory and stalls of a window that can be seen, as soon as an event loop runs."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer
        from PySide6.QtWidgets import QApplication

        self._app = QApplication(["soak"])
        self.stalls: list[tuple[float, float]] = []
        self.memory: list[tuple[float, int]] = []
        self.beats = 0
        self._began_at = self._last = 0.0
        self._process = psutil.Process()
        self._timers = []
        for interval_ms, act in ((BEAT_MS, self._beat), (1000, self._weigh)):
            timer = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=interval_ms)
            timer.timeout.connect(act)
            timer.start()
            self._timers.append(timer)

    def stop(self) -> None:
        """Stop the timers."""
        for timer in self._timers:
            timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        if self.beats == 0:
            self._began_at = self._last = now
        if now - self._last > LONG_S and any(each.isVisible() for each in self._app.topLevelWidgets()):
            self.stalls.append((now - self._began_at, now - self._last))
        self.beats, self._last = self.beats + 1, now

    def _weigh(self) -> None:
        self.memory.append((time.perf_counter() - self._began_at, self._process.memory_info().rss))


def stall_rows(watch: Watch) -> list[Row]:
    """The longest stall, and how many there were of each length."""
    lengths = 1000 * np.array([length for _, length in watch.stalls] or [0.0])
    counts = ", ".join(f"{int((lengths > ms).sum())} over {ms} ms" for ms in (25, 50, 75, 100))
    return [
        Row("longest stall of the window", f"{lengths.max():.0f} ms", "<= 100 ms", bool(lengths.max() <= 100)),
        Row(f"stalls in {watch.beats} calls", counts),
    ]


def memory_rows(watch: Watch) -> list[Row]:
    """Memory at the end against memory ten seconds after the beginning, and against that after a minute."""
    at_s, held = (np.array(column, np.float64) for column in zip(*watch.memory, strict=True))
    last = float(np.median(held[at_s > at_s[-1] - SPAN_S]))
    rows = []
    for from_s, target in ((SETTLED_S, "<= 5 %"), (60.0, "")):
        if at_s[-1] < from_s + 2 * SPAN_S:
            continue
        first = float(np.median(held[(at_s > from_s) & (at_s <= from_s + SPAN_S)]))
        growth = 100 * (last / first - 1)
        rows.append(
            Row(
                f"memory {from_s:.0f} s after the beginning and at the end, growth",
                f"{first / MB:.0f} and {last / MB:.0f} MB, {growth:+.1f} %",
                target,
                growth <= 5 if target else None,
            )
        )
    return rows


def by_minute(watch: Watch) -> list[float]:
    """Median memory of each minute, MB."""
    at_s, held = (np.array(column, np.float64) for column in zip(*watch.memory, strict=True))
    minutes = (at_s // 60).astype(int)
    return [round(float(np.median(held[minutes == minute])) / MB, 1) for minute in np.unique(minutes)]


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes = parser.parse_args().minutes
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    watch, load = Watch(), os.getloadavg()
    with tempfile.TemporaryDirectory() as name:
        alone, steps, session, sent = run(60 * minutes, Path(name))
        watch.stop()
        rows = loss_rows(Path(name) / "record", sent)
    rows += stall_rows(watch) + memory_rows(watch) + latency_rows(alone, steps)
    skipped = session.counts["windows_skipped"]
    rows.append(
        Row("windows read, passed over, per second", f"{len(steps)}, {skipped}, {len(steps) / minutes / 60:.1f}")
    )
    details = {
        "minutes": minutes,
        "load_average": {"before": load, "after": os.getloadavg()},
        "memory_mb_by_minute": by_minute(watch),
        "longest_stalls_s": sorted(watch.stalls, key=lambda each: -each[1])[:20],
        "steps_ms": step_details(steps),
        "counts": session.counts,
        "problems": session.problems,
    }
    return int(not publish("soak", rows, details))


if __name__ == "__main__":
    sys.exit(main())

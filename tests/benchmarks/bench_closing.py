"""How long the program takes to end, whatever is running: from a request to end it to the end of its process.

A request is SIGTERM, which closes the window as a click does. States: a session that shows, reads and records pictures; the
same a moment after its stream was killed, when it looks for it; the same with a sender that hangs; the window of all sessions
with a stream shown; and the demos, each with a participant's process, which also write summary and report before they end.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import numpy as np
from rich.console import Console

from bci_app.engine.settings import StreamChoice
from bci_app.engine.workplace import Workplace, save_workplace
from bci_app.streams.network import private_lsl
from tests.benchmarks.counter_process import CounterProcess
from tests.benchmarks.picture_session_worker import prepare
from tests.benchmarks.results import Row, publish

LIMIT_S = 2.0
RUNS_S = (1.0, 4.0)
SHOWN_S = 6.0
"""Until the window has found its stream and shows it."""
console = Console(width=150)


def time_to_end(command: list[str], sign: Callable[[], bool], before: Callable[[], None], wait_s: float) -> float:
    """Seconds from SIGTERM to the end of `command`, sent `wait_s` after `sign` was there and `before` done."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not sign():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"{command} did not come so far")
        time.sleep(0.02)
    time.sleep(RUNS_S[0])
    before()
    time.sleep(wait_s)
    began = time.perf_counter()
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        return float("inf")
    return time.perf_counter() - began


def of_pictures(place: Path, trouble: str, wait_s: float) -> float:
    """End a session that shows pictures, after its sender was sent the signal named `trouble`, if any."""
    folder, source_id = place / uuid4().hex, f"counter-{uuid4().hex}"
    folder.mkdir()
    command = [sys.executable, "-m", "tests.benchmarks.picture_session_worker", str(folder), source_id]
    with CounterProcess(source_id, 3600.0) as sender:

        def hurt() -> None:
            if trouble:
                os.kill(sender.pid, getattr(signal, trouble))

        return time_to_end(command, lambda: _has_content(folder / "record" / "trials.jsonl"), hurt, wait_s)


def of_a_demo(place: Path, kind: str, wait_s: float) -> float:
    """End a demo once it has something to lose."""
    folder = place / uuid4().hex
    folder.mkdir()
    command = [sys.executable, "-m", "bci_app", "demo", "--offscreen", "--folder", str(folder), *kind.split()]
    return time_to_end(command, lambda: any(map(_has_content, folder.glob("*/eeg.f32"))), lambda: None, wait_s)


def of_the_signal(place: Path, trouble: str, wait_s: float) -> float:
    """End the window of all sessions while it shows a stream, after its sender was sent the signal `trouble`, if any."""
    source_id, remembered = f"counter-{uuid4().hex}", place / f"{uuid4().hex}.json"
    stream = StreamChoice(name="counter", source_id=source_id)
    save_workplace(remembered, Workplace(stream=stream, runs=place / "runs"))
    command = [sys.executable, "-m", "bci_app", "app", "--offscreen", "--page", "Signal"]
    command += ["--remembered", str(remembered)]
    shown_at = time.monotonic() + SHOWN_S
    with CounterProcess(source_id, 3600.0) as sender:

        def hurt() -> None:
            if trouble:
                os.kill(sender.pid, getattr(signal, trouble))

        return time_to_end(command, lambda: time.monotonic() > shown_at, hurt, wait_s)


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5, help="of each state")
    n, rng = parser.parse_args().times, np.random.default_rng(0)
    rows, details = [], {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        os.environ.update(private_lsl(place / "lsl"))
        prepare(place)
        states: dict[str, Callable[[float], float]] = {
            "pictures shown, read and recorded": lambda wait_s: of_pictures(place, "", wait_s),
            "the same, stream killed": lambda wait_s: of_pictures(place, "SIGKILL", wait_s),
            "the same, sender hangs": lambda wait_s: of_pictures(place, "SIGSTOP", wait_s),
            "the window of all sessions, a stream on its page Signal": lambda wait_s: of_the_signal(place, "", wait_s),
            "the same window, stream killed": lambda wait_s: of_the_signal(place, "SIGKILL", wait_s),
            "demo": lambda wait_s: of_a_demo(place, "", wait_s),
            "demo --evolve": lambda wait_s: of_a_demo(place, "--evolve", wait_s),
            "demo --read": lambda wait_s: of_a_demo(place, "--read", wait_s),
        }
        for state, end in states.items():
            took_s = [end(float(wait_s)) for wait_s in rng.uniform(0.0, RUNS_S[1] - RUNS_S[0], n)]
            console.print(f"{state}: {', '.join(f'{each:.2f}' for each in took_s)} s")
            worst = max(took_s)
            measured = f"{np.median(took_s):.2f}, {worst:.2f} s"
            rows.append(Row(f"{state}: median and worst of {n}", measured, f"< {LIMIT_S:g} s", worst < LIMIT_S))
            details[state] = took_s
    return int(not publish("closing", rows, dict(details)))


if __name__ == "__main__":
    sys.exit(main())

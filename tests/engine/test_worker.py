"""A worker ends in bounded time, tells what went wrong, and lets go of what it held."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import pytest

from bci_app.contract.errors import StreamLostError
from bci_app.engine.worker import Worker


class Counting(Worker):
    """Runs `turn` at each step and notes that it was closed, and in which thread."""

    def __init__(self, turn: Callable[[int], bool], on_close: Callable[[], None] = lambda: None) -> None:
        self.failures: list[str] = []
        super().__init__("counting", self.failures.append)
        self._turn, self._on_close = turn, on_close
        self.n_steps = self.n_closed = 0

    def step(self) -> bool:
        self.n_steps += 1
        return self._turn(self.n_steps)

    def close(self) -> None:
        self.n_closed += 1
        self._on_close()


def finished(worker: Worker) -> None:
    worker.start()
    assert worker.join(2.0)


def test_a_worker_steps_until_it_has_nothing_more_to_do() -> None:
    worker = Counting(lambda n: n < 5)
    finished(worker)
    assert (worker.n_steps, worker.n_closed, worker.failures) == (5, 1, [])


def test_an_expected_error_reaches_the_user_word_by_word() -> None:
    def turn(n: int) -> bool:
        raise StreamLostError("The stream was lost. Start it again.")

    worker = Counting(turn)
    finished(worker)
    assert worker.failures == ["The stream was lost. Start it again."]
    assert worker.n_closed == 1


def test_a_fault_of_the_program_is_told_as_one_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def turn(n: int) -> bool:
        raise ZeroDivisionError("by zero")

    worker = Counting(turn)
    with caplog.at_level(logging.ERROR):
        finished(worker)
    assert "fault of the program" in worker.failures[0]
    assert "ZeroDivisionError" in worker.failures[0]
    assert worker.n_closed == 1
    assert caplog.records[0].exc_info is not None


def test_stopping_takes_no_longer_than_a_step() -> None:
    worker = Counting(lambda n: not worker.pause(10.0))
    worker.start()
    began = time.monotonic()
    worker.stop()
    assert worker.join(2.0)
    assert time.monotonic() - began < 0.5
    assert worker.n_closed == 1


def test_joining_one_that_hangs_gives_up_in_time() -> None:
    import threading

    release = threading.Event()
    worker = Counting(lambda n: not release.wait(10.0))
    worker.start()
    worker.stop()
    assert not worker.join(0.05)
    release.set()
    assert worker.join(2.0)


def test_one_that_never_started_can_be_stopped_and_joined() -> None:
    worker = Counting(lambda n: True)
    worker.stop()
    assert worker.join(0.1)


def test_a_failure_while_closing_does_not_escape_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise OSError("cannot close")

    worker = Counting(lambda n: False, fail)
    with caplog.at_level(logging.ERROR):
        finished(worker)
    assert "failed while it closed" in caplog.text

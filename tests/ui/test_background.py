"""Long work leaves the window free, and each result is told in its thread or let go of."""

from __future__ import annotations

import threading

import pytest
import shiboken6
from pytestqt.qtbot import QtBot

from bci_app.contract.errors import StreamError
from bci_app.ui.background import OnProgress, Task


def test_result_and_progress_come_in_the_gui_thread(qtbot: QtBot) -> None:
    threads: list[str] = []
    told: list[tuple[int, int, str]] = []

    def work(tell: OnProgress) -> int:
        threads.append(threading.current_thread().name)
        tell(1, 2, "half")
        return 42

    task = Task(work, "answer")
    task.progressed.connect(lambda *step: told.append(step))
    task.succeeded.connect(lambda result: threads.append(threading.current_thread().name))
    with qtbot.waitSignal(task.ended), qtbot.waitSignal(task.succeeded) as succeeded:
        task.start()
    assert succeeded.args == [42]
    assert threads == ["answer", "MainThread"]
    assert told == [(1, 2, "half")]
    assert task.join(1.0)


def test_error_for_the_user_comes_as_its_words(qtbot: QtBot) -> None:
    def work(tell: OnProgress) -> None:
        raise StreamError("No stream. Start one.")

    task = Task(work, "refused")
    with qtbot.waitSignal(task.failed) as failed:
        task.start()
    assert failed.args == ["No stream. Start one."]
    assert task.join(1.0)


def test_fault_of_the_program_is_told_and_logged(qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    task = Task(lambda tell: 1 / 0, "broken")
    with qtbot.waitSignal(task.failed) as failed:
        task.start()
    assert "ZeroDivisionError" in failed.args[0]
    assert "Traceback" in caplog.text
    assert task.join(1.0)


def test_cancelled_work_ends_at_its_next_progress(qtbot: QtBot) -> None:
    begun, go_on = threading.Event(), threading.Event()
    reached: list[str] = []

    def work(tell: OnProgress) -> None:
        begun.set()
        go_on.wait(5.0)
        tell(1, 2, "half")
        reached.append("too far")

    task = Task(work, "cancelled")
    task.start()
    assert begun.wait(5.0)
    task.cancel()
    with qtbot.waitSignal(task.ended):
        go_on.set()
    assert (reached, task.join(1.0)) == ([], True)


@pytest.mark.parametrize("cancel_first", [True, False])
def test_result_that_nobody_waits_for_is_let_go_of_once(qtbot: QtBot, cancel_first: bool) -> None:
    go_on = threading.Event()
    let_go: list[int] = []
    told: list[int] = []
    task = Task(lambda tell: go_on.wait(5.0) and 7, "late", let_go.append)
    task.succeeded.connect(told.append)
    task.start()
    if cancel_first:
        task.cancel()
    go_on.set()
    assert task.join(5.0)
    task.cancel()  # before the queued result was delivered, where it was not cancelled before
    with qtbot.waitSignal(task.ended):
        pass
    assert (let_go, told) == ([7], [])


def test_result_is_let_go_of_where_whoever_waited_is_gone(qtbot: QtBot) -> None:
    go_on = threading.Event()
    let_go: list[int] = []
    task = Task(lambda tell: go_on.wait(5.0) and 7, "orphan", let_go.append)
    task.start()
    shiboken6.delete(task)
    go_on.set()
    assert (task.join(5.0), let_go) == (True, [7])

"""The newest value waits, the writer does not."""

from __future__ import annotations

import threading

from bci_app.engine.mailbox import Mailbox


def test_the_newest_value_is_taken_once() -> None:
    box: Mailbox[int] = Mailbox()
    assert box.take() is None
    for value in (1, 2, 3):
        box.put(value)
    assert box.take() == 3
    assert box.take() is None
    assert box.overwritten == 2


def test_at_most_one_wake_up_is_pending() -> None:
    woken: list[int] = []
    box: Mailbox[int] = Mailbox(lambda: woken.append(0))
    for _ in range(2):
        for value in range(5):
            box.put(value)
        box.take()
    assert len(woken) == 2


def test_taking_inside_the_wake_up_works() -> None:
    taken: list[int | None] = []
    box: Mailbox[int] = Mailbox()
    box.on_put = lambda: taken.append(box.take())
    for value in range(4):
        box.put(value)
    assert taken == [0, 1, 2, 3]
    assert box.overwritten == 0


def test_every_value_is_taken_or_counted_while_threads_race() -> None:
    box: Mailbox[int] = Mailbox()
    n, taken = 20_000, list[int]()
    done = threading.Event()

    def read() -> None:
        while True:
            over, value = done.is_set(), box.take()
            if value is not None:
                taken.append(value)
            elif over:
                return

    reader = threading.Thread(target=read)
    reader.start()
    for value in range(n):
        box.put(value)
    done.set()
    reader.join()
    assert taken == sorted(set(taken))
    assert taken[-1] == n - 1
    assert len(taken) + box.overwritten == n

"""A progress bar on the terminal for work that takes seconds."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

Tell = Callable[[int, int, str], None]


@contextmanager
def progress_bar(console: Console) -> Iterator[Tell]:
    """A bar that takes (done, total, text); a new text restarts it, and ``done`` below 0 puts it away.

    Where nobody sees a bar move (a file, a pipe) each text is printed once, as a line.
    """
    if not console.is_terminal:
        with _heard_interrupts() as check:
            yield _checked(_lines(console), check)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    progress = Progress(*columns, console=console, auto_refresh=False)  # no thread of its own, which would outlive it
    task = progress.add_task("starting", total=None)

    def tell(done: int, total: int, text: str) -> None:
        if done < 0:
            progress.stop()
            return
        progress.update(task, completed=done, total=max(total, 1), description=text, refresh=True)

    with progress, _heard_interrupts() as check:
        yield _checked(tell, check)


@contextmanager
def _heard_interrupts() -> Iterator[Callable[[], None]]:
    """A check that raises KeyboardInterrupt if Ctrl-C was pressed and lost.

    Python drops the exception where it rises inside a callback from C, as libraries that look for their threads use it.
    """
    pressed = threading.Event()

    def on_interrupt(*_: object) -> None:
        pressed.set()
        raise KeyboardInterrupt

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as a shell does for what it runs in the background
    if ignored or threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


def _checked(tell: Tell, check: Callable[[], None]) -> Tell:
    def checked(done: int, total: int, text: str) -> None:
        check()
        tell(done, total, text)

    return checked


def _lines(console: Console) -> Tell:
    told: list[str] = []

    def tell(done: int, total: int, text: str) -> None:
        if done >= 0 and text not in told:
            told.append(text)
            console.print(f"{text} ...", markup=False, highlight=False)

    return tell

"""A progress bar on the terminal for work that takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress_bar(console: Console) -> Iterator[Callable[[int, int, str], None]]:
    """A bar that takes (done, total, text); a new text restarts it, and ``done`` below 0 puts it away.

    Where nobody sees a bar move (a file, a pipe) each text is printed once, as a line.
    """
    if not console.is_terminal:
        yield _lines(console)
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

    with progress:
        yield tell


def _lines(console: Console) -> Callable[[int, int, str], None]:
    told: list[str] = []

    def tell(done: int, total: int, text: str) -> None:
        if done >= 0 and text not in told:
            told.append(text)
            console.print(f"{text} ...", markup=False, highlight=False)

    return tell

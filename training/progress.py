"""How a long run shows itself in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from bci_app.calibration.ridge import OnProgress


class PerSecond(ProgressColumn):
    """Speed in pictures or trials, from a task counted in steps."""

    def __init__(self, batch_size: int, what: str) -> None:
        super().__init__()
        self._batch_size, self._what = batch_size, what

    def render(self, task: Task) -> Text:
        """The column's text."""
        return Text(f"{(task.speed or 0.0) * self._batch_size:.0f} {self._what}/s")


def training_progress(per_step: int, shown: bool = True, what: str = "images") -> Progress:
    """A bar with steps done, how many of `what` per second, and the time left; silent if not `shown`."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    return Progress(*columns, PerSecond(per_step, what), TimeRemainingColumn(), disable=not shown)


@contextmanager
def step_progress() -> Iterator[OnProgress]:
    """A bar told with (done, total, text), with the time it has taken."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn()) as bar:
        task = bar.add_task("", total=1)
        yield lambda done, total, text: bar.update(task, completed=done, total=max(total, 1), description=text)

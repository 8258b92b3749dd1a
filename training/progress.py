"""How a long run shows itself in the terminal."""

from __future__ import annotations

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class ImagesPerSecond(ProgressColumn):
    """Speed in pictures, from a task counted in steps."""

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self._batch_size = batch_size

    def render(self, task: Task) -> Text:
        """The column's text."""
        return Text(f"{(task.speed or 0.0) * self._batch_size:.0f} images/s")


def training_progress(batch_size: int, shown: bool = True) -> Progress:
    """A bar with steps done, images per second and the time left; silent if not `shown`."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    return Progress(*columns, ImagesPerSecond(batch_size), TimeRemainingColumn(), disable=not shown)

"""Deleted sessions that may still be taken back: moved aside in their folder of runs until the window closes."""

from __future__ import annotations

import shutil
from pathlib import Path

from bci_app.contract.errors import RecordingError
from bci_app.engine.session_lock import is_running
from bci_app.engine.sessions import TRASH


class Trash:
    """The trash of a folder of runs; what a crash left in it can be taken back by the next window.

    Parameters
    ----------
    runs : Path
        Folder of runs.
    """

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self._place = runs / TRASH

    @property
    def names(self) -> tuple[str, ...]:
        """Sessions in it, the last deleted one last."""
        try:
            inside = [each for each in self._place.iterdir() if each.is_dir() and not each.is_symlink()]
        except OSError:
            return ()
        return tuple(each.name for each in sorted(inside, key=lambda each: (each.stat().st_ctime_ns, each.name)))

    def put(self, folder: Path) -> None:
        """Move the folder of a session here.

        Raises
        ------
        RecordingError
            If it does not lie in the folder of runs itself, is running, or the disk refuses.
        """
        if folder.parent != self.runs or folder.is_symlink() or folder.name == TRASH:
            raise RecordingError(
                f"A session that is deleted lies in the folder of runs '{self.runs}'; '{folder}' does not. Choose another."
            )
        if is_running(folder):
            raise RecordingError(f"The session '{folder.name}' is running. End it first, and delete it then.")
        self._move(folder, self._place / folder.name)

    def restore(self, name: str) -> Path:
        """Move a session back to where it was; RecordingError if there is another one by now, or the disk refuses."""
        self._move(self._place / name, self.runs / name)
        return self.runs / name

    def empty(self) -> None:
        """Remove all that is in it for good; RecordingError if the disk refuses."""
        try:
            if self._place.is_dir() and not self._place.is_symlink():
                shutil.rmtree(self._place)
        except OSError as error:
            raise RecordingError(
                f"'{error.filename}' could not be removed: {error.strerror}. Deleted sessions are left in '{self._place}'; "
                "remove them there."
            ) from None

    def _move(self, source: Path, target: Path) -> None:
        try:
            self._place.mkdir(mode=0o700, exist_ok=True)
            if target.exists():
                raise RecordingError(
                    f"'{source.name}' cannot be moved: '{target}' is there already. Rename one of the two."
                )
            source.rename(target)
        except OSError as error:
            raise RecordingError(
                f"'{source}' could not be moved to '{target}': {error.strerror}. Check that nothing else uses it."
            ) from None

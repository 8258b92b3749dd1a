"""Whether a session is running: it holds a lock on a file in its folder, which the system lets go of however the program ends."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import IO

LOCK = "session.lock"


class SessionLock:
    """Held from its making to `release`; where a disk knows no locks, nothing is held and the session goes on.

    Parameters
    ----------
    folder : Path
        Of the session; must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._file: IO[bytes] | None = None
        with suppress(OSError):
            file = self._path.open("ab")
            if _lock(file):
                self._file = file
            else:
                file.close()

    @property
    def held(self) -> bool:
        """Whether this one has the lock."""
        return self._file is not None

    def release(self) -> None:
        """Let go, and take the file away; may be called twice."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()
                self._path.unlink(missing_ok=True)


def is_running(folder: Path) -> bool:
    """Whether some program, this one included, runs the session in `folder`."""
    try:
        with (folder / LOCK).open("rb+") as file:
            return not _lock(file)
    except OSError:
        return False


def _lock(file: IO[bytes]) -> bool:
    """Lock an open file without waiting, until it is closed; False if another handle has it."""
    try:
        try:
            import fcntl
        except ImportError:  # Windows
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

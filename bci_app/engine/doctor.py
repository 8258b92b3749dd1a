"""What this machine has for a session, what is wrong with it, and what to do: each a check, none of which changes anything."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from bci_app.contract.errors import BciError

PACKAGES = (
    "bci-app", "numpy", "scipy", "onnx", "pylsl", "pyxdf", "mne", "pydantic", "PySide6-Essentials", "pyqtgraph",
)  # fmt: skip
OPTIONAL = {"mne-bids": "export to BIDS", "psutil": "open ports on other systems than Linux"}
_PER_HOUR = 64 * 1000 * 3600 * 4 + 1000 * 3600 * 8
"""Bytes of an hour of 64 channels at 1000 Hz, with its time stamps."""
_OPEN_WINDOW = (
    "import pyqtgraph; from PySide6.QtWidgets import QApplication, QWidget; QApplication([]); QWidget().show()"
)
_ALONE_S = 20.0
_LAST_LINES = 12

State = Literal["fine", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was found, whether it is as it should be, and what to do if not."""

    topic: str
    name: str
    value: str
    state: State = "fine"
    advice: str = ""


def examine(runs: Path, display: bool, config: Path | None) -> Iterator[Check]:
    """All checks, one after another; the one of discovery takes a second or two.

    Parameters
    ----------
    runs : Path
        Folder of runs.
    display : bool
        Whether a window can be seen.
    config : Path or None
        The configuration of LSL in force when the program began, see `config_in_force`.

    Notes
    -----
    What a check needs is loaded when its turn comes, so that a package that is broken is told by the check that needs it.
    """
    looks: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("versions", software),
        ("machine", machine),
        ("models", _models),
        ("LSL", lambda: _network(config)),
        ("disk", lambda: storage(runs)),
        ("display", lambda: windows(display)),
    )
    for topic, look in looks:
        try:
            yield from look()
        except (ImportError, OSError, RuntimeError) as error:  # a package, or a library of the system below it
            advice = f"{error}. Install the program anew, or what is named here."
            yield Check(topic, "what it needs", "cannot be loaded", "wrong", advice)


def _models() -> Iterator[Check]:
    from bci_app.engine.doctor_models import models

    yield from models()


def _network(config: Path | None) -> Iterator[Check]:
    from bci_app.engine.doctor_network import network

    yield from network(config)


def software() -> Iterator[Check]:
    """Versions of Python and of the packages that matter."""
    old = sys.version_info < (3, 11)
    advice = "The program needs Python 3.11 or newer. Install it, and the program in it." if old else ""
    yield Check("versions", "Python", platform.python_version(), "wrong" if old else "fine", advice)
    for package in PACKAGES:
        version = version_of(package)
        missing = f"It is missing. Install the program anew: pip install {package}."
        yield Check("versions", package, version or "-", *(() if version else ("wrong", missing)))
    for package, purpose in OPTIONAL.items():
        version = version_of(package)
        missing = f"Not installed; needed for {purpose} alone."
        yield Check("versions", package, version or "-", *(() if version else ("note", missing)))


def machine() -> Iterator[Check]:
    """The system, and how many cores it has for us."""
    yield Check("machine", "system", f"{platform.platform()}, {platform.machine()}")
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    advice = "With one core the window and the models wait for each other. Give the program two." if n_cores < 2 else ""
    yield Check("machine", "cores", str(n_cores), "note" if advice else "fine", advice)


def storage(runs: Path) -> Iterator[Check]:
    """Whether sessions can be kept, for how long, and which were cut short."""
    place = next((each for each in (runs, *runs.absolute().parents) if each.exists()), Path())
    if not (place.is_dir() and os.access(place, os.W_OK)):
        advice = f"'{place}' cannot be written to. Change its permissions, or choose another place with --folder."
        yield Check("disk", "folder of runs", str(runs), "wrong", advice)
        return
    yield Check("disk", "folder of runs", str(runs))
    free = shutil.disk_usage(place).free
    hours = free / _PER_HOUR
    state: State = "wrong" if hours < 0.2 else "note" if hours < 4 else "fine"
    advice = "" if state == "fine" else "Free space before a session, or choose another disk with --folder."
    yield Check("disk", "free", f"{free / 1e9:.1f} GB, {hours:,.1f} h of 64 channels at 1000 Hz", state, advice)
    from bci_app.engine.sessions import list_sessions

    try:
        cut = [entry.folder for entry in list_sessions(runs) if entry.state == "cut short"]
    except BciError as error:
        yield Check("disk", "sessions", "not readable", "wrong", str(error))
        return
    if cut:
        advice = f"What was written is kept. `bci-app report {cut[0]}` tells what it came to."
        yield Check("disk", "sessions cut short", ", ".join(each.name for each in cut[:5]), "note", advice)


def windows(display: bool) -> Iterator[Check]:
    """Whether a window can be made, by a process that makes one, and seen."""
    status, said = run_alone(_OPEN_WINDOW, {} if display else {"QT_QPA_PLATFORM": "offscreen"})
    if status:
        why = said or f"Qt ended with status {status}."
        advice = f"{why} Install what is named, or choose another display; `run --headless CONFIG` needs no Qt."
        yield Check("display", "window", "cannot be made", "wrong", advice)
    elif display:
        yield Check("display", "window", "can be shown")
    else:
        advice = "Neither DISPLAY nor WAYLAND_DISPLAY is set: windows are drawn offscreen. `run --headless CONFIG` needs none."
        yield Check("display", "window", "no display", "note", advice)


def run_alone(code: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """Exit status of a Python process that runs `code`, and the last lines that it wrote to stderr.

    What fails there harms nothing here, and what a library below Python says is heard.
    """
    try:
        ended = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, timeout=_ALONE_S
        )
    except subprocess.TimeoutExpired:
        return 1, f"It did not end within {_ALONE_S:g} s."
    return ended.returncode, " ".join(ended.stderr.splitlines()[-_LAST_LINES:])


def version_of(package: str) -> str:
    """The version of an installed package; empty if there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""

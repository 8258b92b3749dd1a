"""What this machine has for a session, what is wrong with it, and what to do: each a check, none of which changes anything."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal
from uuid import uuid4

import numpy as np

from bci_app.bundles import shipped
from bci_app.contract.errors import BciError, StreamError
from bci_app.engine.demo import GENERATOR
from bci_app.engine.open_ports import open_ports
from bci_app.engine.sessions import list_sessions
from bci_app.inference.generator import Generator
from bci_app.inference.session import runtime_facts
from bci_app.streams.lsl import find, library, local_clock
from bci_app.streams.markers import MarkerInlet, MarkerOutlet

PACKAGES = (
    "bci-app", "numpy", "scipy", "onnx", "pylsl", "pyxdf", "mne", "pydantic", "PySide6-Essentials", "pyqtgraph",
)  # fmt: skip
OPTIONAL = {"mne-bids": "export to BIDS", "psutil": "open ports on other systems than Linux"}
_PER_HOUR = 64 * 1000 * 3600 * 4 + 1000 * 3600 * 8
"""Bytes of an hour of 64 channels at 1000 Hz, with its time stamps."""
_TIMES = 20

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
    """
    for look in (software, machine, models):
        yield from look()
    yield from network(config)
    yield from storage(runs)
    yield windows(display)


def software() -> Iterator[Check]:
    """Versions of Python and of the packages that matter."""
    old = sys.version_info < (3, 11)
    advice = "The program needs Python 3.11 or newer. Install it, and the program in it." if old else ""
    yield Check("versions", "Python", platform.python_version(), "wrong" if old else "fine", advice)
    for package in PACKAGES:
        version = _version(package)
        missing = f"It is missing. Install the program anew: pip install {package}."
        yield Check("versions", package, version or "-", *(() if version else ("wrong", missing)))
    for package, purpose in OPTIONAL.items():
        version = _version(package)
        missing = f"Not installed; needed for {purpose} alone."
        yield Check("versions", package, version or "-", *(() if version else ("note", missing)))


def machine() -> Iterator[Check]:
    """The system, and how many cores it has for us."""
    yield Check("machine", "system", f"{platform.platform()}, {platform.machine()}")
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    advice = "With one core the window and the models wait for each other. Give the program two." if n_cores < 2 else ""
    yield Check("machine", "cores", str(n_cores), "note" if advice else "fine", advice)


def models(clock: Callable[[], float] = time.perf_counter) -> Iterator[Check]:
    """What models really run on: a bundle that comes with the program is opened, compared with its golden vectors, and run."""
    both = [name for name in ("onnxruntime", "onnxruntime-gpu") if _version(name)]
    if len(both) > 1:
        yield Check(
            "models", "packages", " and ".join(both), "wrong",
            "Both hold the module onnxruntime, and the last one installed wins. Uninstall both, then install bci-app[cpu] or "
            "bci-app[gpu].",
        )  # fmt: skip
    try:
        version, providers = runtime_facts()
        yield Check("models", "onnxruntime", f"{version}: {', '.join(providers)}")
        generator = Generator.open(shipped(GENERATOR))
        latent = np.zeros((1, generator.manifest.latent_space.dim), np.float32)
        began = clock()
        for _ in range(_TIMES):
            generator.generate(latent)
        each_ms = 1000 * (clock() - began) / _TIMES
    except BciError as error:
        yield Check("models", "a picture is made", "no", "wrong", str(error))
        return
    lost = generator.fell_back
    yield Check("models", "really run on", generator.device, "note" if lost else "fine", lost or "")
    yield Check("models", "a picture is made", f"in {each_ms:.1f} ms; its golden vectors agree")


def network(config: Path | None) -> Iterator[Check]:
    """Lab Streaming Layer: its library, its configuration, whether a stream of our own is found and heard, and on which ports."""
    missing = config is not None and not config.is_file()
    yield Check(
        "LSL", "configuration", "LSL's own defaults" if config is None else str(config), "wrong" if missing else "fine",
        "The environment names a file that is not there. Correct or unset LSLAPICFG." if missing else "",
    )  # fmt: skip
    yield Check("LSL", "library", library())
    name = f"bci-app doctor {uuid4().hex[:8]}"
    with closing(MarkerOutlet(name, name.replace(" ", "-"))) as outlet:
        yield _heard(outlet, name)
        yield _ports()


def _heard(outlet: MarkerOutlet, name: str) -> Check:
    """Whether a stream of this process is found, and a marker sent through it arrives."""
    began = time.perf_counter()
    advice = (
        "Streams are not found on this very machine, so no session can begin. Let UDP 16571 and TCP and UDP 16572 to 16604 "
        "through the firewall; where multicast is missing (containers, VPN, guest networks), put KnownPeers = {127.0.0.1} into "
        "the section [lab] of an lsl_api.cfg and name it in LSLAPICFG."
    )
    try:
        description = find(source_id=name.replace(" ", "-"), timeout_s=4.0)
        with MarkerInlet(description) as inlet:
            outlet.wait_for_consumers(2.0)
            outlet.push("doctor", local_clock())
            came = inlet.pull(2.0)
    except StreamError as error:
        return Check("LSL", "own stream on this machine", "not found", "wrong", f"{advice} ({error})")
    if not came:
        return Check("LSL", "own stream on this machine", "found, but not heard", "wrong", advice)
    return Check("LSL", "own stream on this machine", f"found and heard within {time.perf_counter() - began:.1f} s")


def _ports() -> Check:
    """Ports of this process while it sends one stream."""
    ports = open_ports()
    if ports is None:
        return Check("LSL", "open ports", "not known", "note", "Install psutil to see the ports of this process.")
    everywhere = [port for port in ports if "0.0.0.0:" in port or "[::]:" in port]
    advice = (
        "LSL listens on all interfaces while a stream of this program exists, without a password: anybody on the network can "
        "read it. On a network that is not yours alone, let a firewall close these ports."
    )
    return Check("LSL", "open ports", ", ".join(ports) or "none", *(("note", advice) if everywhere else ()))


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
    try:
        cut = [entry.folder for entry in list_sessions(runs) if entry.state == "cut short"]
    except BciError as error:
        yield Check("disk", "sessions", "not readable", "wrong", str(error))
        return
    if cut:
        advice = f"What was written is kept. `bci-app report {cut[0]}` tells what it came to."
        yield Check("disk", "sessions cut short", ", ".join(each.name for each in cut[:5]), "note", advice)


def windows(display: bool) -> Check:
    """Whether a window can be seen."""
    if display:
        return Check("display", "window", "can be shown")
    advice = (
        "Neither DISPLAY nor WAYLAND_DISPLAY is set: windows are drawn offscreen. `run --headless CONFIG` needs none."
    )
    return Check("display", "window", "no display", "note", advice)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""

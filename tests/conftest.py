"""For all tests: a private network for Lab Streaming Layer, set before its first call."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from bci_app.streams.network import private_lsl

_FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Give this run a session id of its own: it sees no stream of the network and is seen by nobody."""
    folder = Path(tempfile.mkdtemp(prefix="bci-app-lsl-"))
    config.stash[_FOLDER] = folder
    os.environ.update(private_lsl(folder))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the configuration file."""
    shutil.rmtree(config.stash[_FOLDER], ignore_errors=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings that lies beside the repository; without it the test is skipped."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real recordings in {folder}")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _interrupts_are_heard() -> None:
    """A shell that runs the tests in the background lets them ignore Ctrl-C, which some of them send."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

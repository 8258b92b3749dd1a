"""What journeys share: the command line in this process, its three outputs, and tiny bundles."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bci_app import cli
from bci_app.cli import terminal
from bci_app.contract.bundle import Bundle
from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.streams import lsl
from tests.tiny import tiny_decoder, tiny_generator

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

CHANNELS, SFREQ = ("O1", "Oz", "O2", "Pz"), 100.0


@dataclass(frozen=True)
class Outcome:
    """Exit status of a command, what it printed, and what it wrote to standard error."""

    status: int
    out: str
    err: str

    def complaint(self) -> str:
        """The one message of a command that failed as it should."""
        assert self.status == 1, self
        assert "Traceback" not in self.err + self.out, self.err
        messages = [line for line in self.err.splitlines() if line.startswith("Error: ")]
        assert len(messages) == 1, self.err
        assert self.err.rstrip().endswith(messages[0]), f"not one paragraph: {self.err}"
        return messages[0]


Command = Callable[..., Outcome]


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, qapp: object
) -> Command:
    """Runs ``bci-app`` with the arguments given; what it logs is part of what it wrote to standard error."""
    monkeypatch.setattr(lsl, "_WAVE_S", 0.3)  # on loopback every stream answers within 0.15 s
    monkeypatch.setattr(terminal, "use_private_lsl", lambda: None)  # the tests' own network is private already

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["bci-app", *map(str, arguments)])
        capsys.readouterr()
        caplog.clear()
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        printed = capsys.readouterr()
        logged = "".join(f"{each.levelname}: {each.getMessage()}\n" for each in caplog.records if each.levelno >= 30)
        code = leaving.value.code
        return Outcome(code if isinstance(code, int) else int(bool(code)), printed.out, logged + printed.err)

    return run


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Fails a test after which a thread of the program still runs."""
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert not left, f"Threads still run: {left}"


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of a tiny ``generator``, of decoders of ``trials`` and ``windows`` for it, and of an ``other`` generator."""
    folder = tmp_path_factory.mktemp("bundles")
    generator: Bundle = tiny_generator(folder / "generator")
    tiny_generator(folder / "other", seed=1)
    tiny_decoder(folder / "trials", generator, CHANNELS, SFREQ, TrialSpec(start_s=0.0, stop_s=0.3))
    tiny_decoder(folder / "windows", generator, CHANNELS, SFREQ, WindowSpec(window_s=0.4, hop_s=0.1))
    return {name: folder / name for name in ("generator", "other", "trials", "windows")}

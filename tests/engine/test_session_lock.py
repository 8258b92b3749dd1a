"""A session is running as long as somebody holds its lock, and not a moment longer, however that somebody ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bci_app.contract.errors import RecordingError
from bci_app.engine.evolution_files import RunFiles
from bci_app.engine.evolution_settings import UnitResponse
from bci_app.engine.session_lock import LOCK, SessionLock, is_running
from bci_app.inference.generator import Generator
from tests.engine.test_evolution_session import new_plan

ROOT = Path(__file__).parents[2]
HOLD = "import sys; from pathlib import Path; from bci_app.engine.session_lock import SessionLock; "


def test_a_lock_is_seen_from_this_program_and_taken_once(tmp_path: Path) -> None:
    assert not is_running(tmp_path)
    lock = SessionLock(tmp_path)
    assert lock.held
    assert is_running(tmp_path)
    assert not SessionLock(tmp_path).held
    lock.release()
    lock.release()
    assert not is_running(tmp_path)
    assert not (tmp_path / LOCK).exists()


def test_a_program_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    hold = HOLD + f"lock = SessionLock(Path({str(tmp_path)!r})); print(lock.held, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"True\n"
        assert is_running(tmp_path)
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    assert (tmp_path / LOCK).exists()
    assert not is_running(tmp_path)


def test_without_a_folder_nothing_is_held_and_nothing_fails(tmp_path: Path) -> None:
    lock = SessionLock(tmp_path / "missing")
    assert not lock.held
    lock.release()
    assert not is_running(tmp_path / "missing")


def test_a_run_is_not_resumed_while_it_runs(tmp_path: Path, generator: Generator) -> None:
    plan = new_plan(generator, UnitResponse())
    running = RunFiles.begin(plan, tmp_path)
    with pytest.raises(RecordingError, match="is running at this moment"):
        RunFiles.go_on(plan, tmp_path, {}, 0)
    running.close()
    assert not is_running(tmp_path)

"""The configuration that LSL reads once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bci_app.contract.errors import SettingsError
from bci_app.streams.lsl import discover
from bci_app.streams.network import VARIABLE, loopback_config, private_lsl, use_config


def test_private_network_is_confined_to_this_machine_and_has_a_session_of_its_own(tmp_path: Path) -> None:
    one, other = private_lsl(tmp_path / "a"), private_lsl(tmp_path / "b")
    texts = [Path(env[VARIABLE]).read_text() for env in (one, other)]
    assert all("ResolveScope = machine" in text and "KnownPeers = {127.0.0.1}" in text for text in texts)
    assert texts[0] != texts[1]


@pytest.mark.parametrize("session_id", ["", "a b", "x\n[ports]"])
def test_session_id_that_would_break_the_file_is_refused(session_id: str) -> None:
    with pytest.raises(SettingsError, match="letters, digits"):
        loopback_config(session_id)


def test_configuration_cannot_change_once_lsl_runs() -> None:
    discover(0.05)
    with pytest.raises(SettingsError, match="reads its configuration once"):
        use_config(loopback_config("later"))


def test_configuration_given_as_text_is_in_the_environment_until_the_program_ends() -> None:
    code = (
        "import os; from pathlib import Path; from bci_app.streams.network import *;"
        "use_config(loopback_config('child')); path = Path(os.environ[VARIABLE]);"
        "assert 'SessionID = child' in path.read_text(); print(path)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert not Path(run.stdout.strip()).exists()


def test_missing_configuration_file_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from bci_app.contract.errors import SettingsError;"
        "from bci_app.streams.network import use_config\n"
        "try: use_config(Path(sys.argv[1]))\nexcept SettingsError as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "none.cfg")], capture_output=True, text=True, check=True
    )
    assert "none.cfg does not exist" in run.stdout

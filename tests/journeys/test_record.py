"""The journey of a lab that records before it has a decoder: signal and markers as they come, or a reason why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bci_app.engine.session_file import read_session
from bci_app.streams.run_folder import read_run
from tests.journeys.conftest import CHANNELS, SFREQ, Command
from tests.sender import Sender


def test_signal_and_markers_are_recorded_without_a_decoder_and_counted(tmp_path: Path, command: Command) -> None:
    with Sender(CHANNELS, SFREQ, marker_every_s=0.25) as sender:
        given = ("--source-id", sender.source_id, "--participant", "P07", "--for", 0.8, "--folder", tmp_path)
        outcome = command("record", *given, "--markers", f"{sender.name} markers")
    assert outcome.status == 0, outcome.err
    (run,) = tmp_path.iterdir()
    recording = read_run(run)
    assert {marker.label for marker in recording.markers} == {"flash"}
    assert f"and {len(recording.markers)} markers were recorded in '{run}'." in outcome.out
    assert "The session lasted the 0.8 s asked for." in outcome.out
    assert (recording.channels, read_session(run)["participant"]) == (CHANNELS, "P07")
    assert (run / "report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--for", "0"), "A recording lasts more than 0 s; --for says 0."),
        (("--participant", "Ada Lovelace"), "A participant's code is made of"),
    ],
)
def test_what_cannot_be_meant_is_told_before_a_stream_is_looked_for(
    tmp_path: Path, command: Command, arguments: tuple[str, ...], complaint: str
) -> None:
    assert complaint in command("record", *arguments, "--folder", tmp_path).complaint()

"""A session is exported whole, part by part, under names that tell a code and no day."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import pyxdf

from bci_app.contract.errors import RecordingError
from bci_app.engine import export
from bci_app.engine.bad_channels import keep_bad_channels
from bci_app.engine.export import Format, export_session
from bci_app.engine.session_file import begin_session
from bci_app.streams.recordings import read_recording
from bci_app.streams.run_folder import read_run
from tests.engine.test_reopening import record


def new_session(folder: Path, **about: str) -> Path:
    """An evolution that was resumed once, so that its recording has two parts."""
    record(folder, 120)
    record(folder / "part-2", 80)
    begin_session(folder, {"kind": "evolution", "title": "t", "participant": "", **about})
    return folder


def test_every_part_of_a_recording_is_a_file_and_no_file_is_written_over(tmp_path: Path) -> None:
    folder = new_session(tmp_path / "evolve-20261126-101112", participant="P-07")
    files = (*export_session(folder, "xdf", tmp_path / "out"), *export_session(folder, "xdf", tmp_path / "out"))
    assert [path.name for path in files] == [f"sub-P07_task-evolution_run-0{run}.xdf" for run in (1, 2, 3, 4)]
    for path, part in zip(files, (folder, folder / "part-2") * 2, strict=True):
        np.testing.assert_array_equal(read_recording(path).data, read_run(part).data)
        assert b"20261126" not in path.read_bytes()


@pytest.mark.parametrize("to", ["xdf", "bids"])
def test_a_part_without_a_sample_keeps_none_of_the_others_back(tmp_path: Path, to: Format) -> None:
    folder = new_session(tmp_path / "run", participant="P-07")
    record(folder / "part-3", 0)
    record(folder / "part-4", 60)
    assert [read_recording(path).n_times for path in export_session(folder, to, tmp_path / "out")] == [120, 80, 60]


def test_a_session_killed_before_it_was_described_is_exported_as_a_signal(tmp_path: Path) -> None:
    record(tmp_path / "run", 50)
    (path,) = export_session(tmp_path / "run", "xdf", tmp_path / "out")
    assert path.name == "task-signal_run-01.xdf"


def test_a_data_set_is_told_the_code_the_bad_channels_and_who_was_no_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple] = []
    monkeypatch.setattr(export, "write_bids", lambda recording, *rest: told.append(rest) or tmp_path)
    folder = new_session(tmp_path / "run", participant="P-07", watermark="SIMULATED PARTICIPANT")
    keep_bad_channels(folder, ("Oz",))
    export_session(folder, "bids", tmp_path / "set")
    export_session(folder, "bids", tmp_path / "set", subject="other")
    assert [each[:3] for each in told] == [
        *[(tmp_path / "set", "P-07", "evolution")] * 2,
        *[(tmp_path / "set", "other", "evolution")] * 2,
    ]
    assert [each[3] for each in told[:2]] == [("Oz",), ()]
    assert told[0][4] == "bci-app: pictures were evolved. Simulated participant."


def test_channels_in_no_known_unit_leave_as_they_came_and_stay_out_of_the_signal(tmp_path: Path) -> None:
    record(tmp_path / "run", 50)
    whole, described = read_run(tmp_path / "run"), tmp_path / "run" / "eeg.json"
    trigger = whole.channels[0]
    described.write_text(json.dumps(json.loads(described.read_text("utf-8")) | {"as_sent": [trigger]}), "utf-8")
    signal = read_run(tmp_path / "run")
    assert signal.channels == whole.channels[1:]
    (path,) = export_session(tmp_path / "run", "xdf", tmp_path / "out")
    np.testing.assert_array_equal(read_recording(path).data, signal.data)
    streams, _ = pyxdf.load_xdf(path, dejitter_timestamps=False, synchronize_clocks=False)
    (others,) = (each for each in streams if each["info"]["type"] == ["Misc"])
    np.testing.assert_array_equal(others["time_series"].T, whole.data[:1])
    np.testing.assert_array_equal(others["time_stamps"], whole.times)
    (channel,) = others["info"]["desc"][0]["channels"][0]["channel"]
    assert (channel["label"], channel["unit"]) == ([trigger], [None])


def test_a_session_without_a_signal_is_refused_in_words(tmp_path: Path) -> None:
    begin_session(tmp_path, {"kind": "evolution", "title": "rated", "participant": "P07"})
    with pytest.raises(RecordingError, match="holds a signal"):
        export_session(tmp_path, "xdf", tmp_path / "out")

"""Channels marked bad stay with the session, and whoever reads them is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.contract.manifest import DecoderManifest
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.windowing import TrialSpec
from bci_app.engine.bad_channels import begin_with_bad_channels, keep_bad_channels
from bci_app.engine.calibration_run import CalibrationRequest, run_calibration
from bci_app.engine.live_signal import SignalPlan
from bci_app.engine.settings import StreamChoice
from bci_app.engine.telling import Telling
from bci_app.engine.views import SignalWords
from bci_app.inference.generator import Generator
from bci_app.streams.bad_channels import FILE, read_bad_channels
from tests.engine.conftest import CHANNELS, SFREQ, moving
from tests.tiny import SIZE


def plan(bad: tuple[str, ...], folder: Path | None = None) -> SignalPlan:
    spec = PreprocessingSpec(channels=CHANNELS, sfreq=SFREQ)
    return SignalPlan(StreamChoice(bad=bad), spec, SignalWords(), "Bundle 'x'", 10.0, folder=folder)


def test_marks_are_read_as_they_were_written_and_a_file_or_folder_without_has_none(tmp_path: Path) -> None:
    assert read_bad_channels(tmp_path) == ()
    keep_bad_channels(tmp_path, ("Oz", "µ"))
    assert read_bad_channels(tmp_path) == ("Oz", "µ")
    keep_bad_channels(tmp_path, ())
    assert read_bad_channels(tmp_path) == ()
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
    assert read_bad_channels(tmp_path / FILE) == ()
    assert read_bad_channels(tmp_path / "gone.fif") == ()


def test_a_reader_that_needs_a_bad_channel_says_so_and_the_folder_keeps_the_marks(tmp_path: Path) -> None:
    telling = Telling()
    begin_with_bad_channels(plan(("Oz", "elsewhere"), tmp_path), telling)
    assert read_bad_channels(tmp_path) == ("Oz", "elsewhere")
    (problem,) = telling.problems
    assert problem.startswith("Bundle 'x' reads 4 channels, of which Oz are marked bad")
    assert "elsewhere" not in problem


def test_marks_of_channels_that_are_not_read_are_no_problem(tmp_path: Path) -> None:
    telling = Telling()
    begin_with_bad_channels(plan(("elsewhere",)), telling)
    begin_with_bad_channels(plan((), tmp_path), telling)
    assert telling.problems == []
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_told_and_the_session_goes_on(tmp_path: Path) -> None:
    telling = Telling()
    begin_with_bad_channels(plan(("elsewhere",), tmp_path / "gone"), telling)
    assert "to be kept in" in telling.problems[0]


def run_folder(folder: Path, seed: int, bad: tuple[str, ...]) -> Path:
    """A run folder of noise with a picture every half a second; channel Pz is not connected."""
    n = 1300
    data = moving(n, seed)
    data[3] = 0
    folder.mkdir()
    (folder / "eeg.json").write_text(json.dumps({"channels": CHANNELS, "sfreq": SFREQ, "unit": "uV"}))
    np.ascontiguousarray(data.T).tofile(folder / "eeg.f32")
    (np.arange(n) / SFREQ).tofile(folder / "eeg_times.f64")
    lines = [json.dumps({"time": 0.5 + 0.5 * number, "label": f"p{number}"}) for number in range(24)]
    (folder / "markers.jsonl").write_text("\n".join(lines) + "\n")
    keep_bad_channels(folder, bad)
    return folder


def test_a_new_decoder_reads_no_channel_that_is_bad_in_any_of_its_recordings(
    tmp_path: Path, generator: Generator
) -> None:
    (tmp_path / "images").mkdir()
    for number in range(24):
        pixels = np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"p{number}.png")
    runs = (run_folder(tmp_path / "a", 0, ("Pz",)), run_folder(tmp_path / "b", 1, ("Pz", "O1")))
    recipe = CalibrationRecipe(
        band_hz=(1.0, 15.0), notch_hz=None, decimation=1, cut=TrialSpec(start_s=0.0, stop_s=0.3), n_folds=2
    )
    result = run_calibration(CalibrationRequest(runs, tmp_path / "images", generator.bundle.folder, recipe=recipe))
    assert isinstance(result.draft.manifest, DecoderManifest)
    assert result.draft.manifest.preprocessing.channels == ("Oz", "O2")
    assert result.notes == ("Left out, as marked bad: Pz, O1.",)

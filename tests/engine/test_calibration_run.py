"""A calibration as a callable: progress, an end at will, runs put together, pictures known by their pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.contract.errors import SignalError
from bci_app.contract.manifest import DecoderManifest
from bci_app.contract.preprocessing import cut_trials
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.windowing import TrialSpec
from bci_app.engine import calibration_run
from bci_app.engine.calibration_run import CalibrationRequest, decoder_name, run_calibration
from bci_app.inference.generator import Generator
from bci_app.streams.recordings import write_recording
from tests.engine.conftest import CHANNELS, SFREQ, moving
from tests.tiny import SIZE

N = 24
RECIPE = CalibrationRecipe(
    band_hz=(1.0, 15.0), notch_hz=None, decimation=1, cut=TrialSpec(start_s=0.0, stop_s=0.3), n_folds=2
)


def recorded(seed: int, start_s: float = 0.0) -> Recording:
    """Noise, with a picture every half a second."""
    n = int((N + 2) * 0.5 * SFREQ)
    markers = tuple(Marker(start_s + 0.5 + 0.5 * number, f"p{number}") for number in range(N))
    return Recording(moving(n, seed), start_s + np.arange(n) / SFREQ, CHANNELS, SFREQ, markers, f"run {seed}")


@pytest.fixture
def request_for(tmp_path: Path, generator: Generator) -> CalibrationRequest:
    """Two runs, and images of which the last is the first one under another name."""
    (tmp_path / "images").mkdir()
    for number in range(N):
        pixels = np.random.default_rng(number % (N - 1)).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"p{number}.png")
    paths = []
    for seed in (0, 1):
        paths.append(tmp_path / f"run-{seed}.npz")
        write_recording(recorded(seed, start_s=100.0 * seed), paths[-1])
    return CalibrationRequest(tuple(paths), tmp_path / "images", generator.bundle.folder, recipe=RECIPE)


def test_progress_is_told_and_a_picture_of_two_names_counts_once(request_for: CalibrationRequest) -> None:
    told: list[str] = []
    result = run_calibration(request_for, lambda done, total, text: told.append(text))
    assert list(dict.fromkeys(told)) == [
        "opening the generator",
        "reading the recordings",
        "encoding the pictures",
        "cross-validating",
        "fitting the reader on all trials",
        "writing and verifying the bundle",
        "decoder ready",
    ]
    manifest = result.draft.manifest
    assert isinstance(manifest, DecoderManifest)
    assert len(manifest.trained_on) == N - 1
    assert result.score.n == 2 * N
    assert result.notes == ()


def test_channels_that_are_flat_or_without_numbers_are_refused_or_left_out_of_all_runs_and_named(
    request_for: CalibrationRequest, tmp_path: Path
) -> None:
    for number, (row, value) in enumerate(((1, 3.0), (3, np.nan))):
        spoilt = recorded(number, 100.0 * number)
        data = spoilt.data.copy()
        data[row, : None if number == 0 else 5] = value
        write_recording(replace(spoilt, data=data), tmp_path / f"run-{number}.npz")
    with pytest.raises(SignalError, match=f"channel\\(s\\) {CHANNELS[1]} are flat"):
        run_calibration(request_for)
    result = run_calibration(replace(request_for, without_unusable=True))
    assert isinstance(result.draft.manifest, DecoderManifest)
    assert result.draft.manifest.channels == (CHANNELS[0], CHANNELS[2])
    assert result.notes[0] == f"Left out, as flat or without numbers: {CHANNELS[1]}, {CHANNELS[3]}."


def test_what_progress_raises_ends_the_calibration(request_for: CalibrationRequest) -> None:
    class Enough(Exception):
        pass

    def stop(done: int, total: int, text: str) -> None:
        if text == "cross-validating" and done == 1:
            raise Enough

    with pytest.raises(Enough):
        run_calibration(request_for, stop)


def test_runs_put_together_give_the_trials_that_each_gives_by_itself() -> None:
    runs = [recorded(0, start_s=1e6), recorded(1, start_s=7.0)]
    spec = RECIPE.preprocessing(CHANNELS, SFREQ)
    together, dropped = cut_trials(calibration_run._together(runs), spec, RECIPE.cut)
    apart = [trial for run in runs for trial in cut_trials(run, spec, RECIPE.cut)[0]]
    assert dropped == []
    assert [trial.marker.label for trial in together] == [trial.marker.label for trial in apart]
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one.window.data, other.window.data)


def test_a_marker_after_the_end_of_a_run_is_not_cut_from_the_next() -> None:
    first, second = recorded(0), recorded(1)
    late = replace(first, markers=(*first.markers, Marker(float(first.times[-1]) + 3.0, "late")))
    trials, dropped = cut_trials(
        calibration_run._together([late, second]), RECIPE.preprocessing(CHANNELS, SFREQ), RECIPE.cut
    )
    assert len(trials) == 2 * N
    assert [marker.label for marker, _ in dropped] == ["late"]


@pytest.mark.parametrize(
    ("text", "name"), [("Ada/run 1!", "Ada run 1"), ("../x", "x"), ("µ", "decoder"), ("a" * 200, "a" * 80), ("b ", "b")]
)
def test_any_name_becomes_one_that_a_bundle_may_have(text: str, name: str) -> None:
    assert decoder_name(text) == name

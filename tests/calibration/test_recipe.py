"""From a recording with markers to a decoder bundle that reads new trials."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from bci_app.calibration.recipe import CalibrationRecipe, calibrate, gather
from bci_app.contract.errors import SettingsError, SignalError
from bci_app.contract.identification import pairwise_identification
from bci_app.contract.manifest import GeneratorManifest
from bci_app.contract.preprocessing import cut_trials
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.windowing import TrialSpec
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from tests.tiny import DIM, PROVENANCE, tiny_generator

CHANNELS, SFREQ = ("O1", "Oz", "O2", "Pz", "P3", "P4"), 100.0
RECIPE = CalibrationRecipe(
    band_hz=(0.5, 20.0), notch_hz=None, cut=TrialSpec(start_s=0.0, stop_s=0.4), n_folds=4, bin_times=3
)


def session(
    n: int, seed: int, prefix: str = "shown/", signal_uv: float = 12.0
) -> tuple[Recording, dict[str, np.ndarray]]:
    """A recording in which each marker is followed by a bump whose pattern over channels and time is the latent."""
    rng, pattern = np.random.default_rng(seed), np.random.default_rng(99).normal(size=(DIM, len(CHANNELS), 40))
    bump = np.sin(np.linspace(0, np.pi, 40))
    latents = {f"p/{i}": rng.standard_normal(DIM, dtype=np.float32) for i in range(n)}
    data = 10 * rng.standard_normal((len(CHANNELS), 60 * n + 100))
    smooth = np.cumsum(pattern, axis=2) / np.sqrt(np.arange(1, 41)) * bump
    for i, latent in enumerate(latents.values()):
        data[:, 50 + 60 * i : 90 + 60 * i] += signal_uv * np.einsum("d,dct->ct", latent, smooth) / np.sqrt(DIM)
    times = np.arange(data.shape[1]) / SFREQ
    markers = tuple(Marker(float(times[50 + 60 * i]), f"{prefix}p/{i}") for i in range(n))
    return Recording(data.astype(np.float32), times, CHANNELS, SFREQ, markers, "session"), latents


@pytest.mark.parametrize("prefix", ["", "shown/"])
def test_trials_are_those_of_the_live_path_with_the_latent_of_their_picture(prefix: str) -> None:
    recording, latents = session(30, 0, prefix)
    data = gather(recording, latents, RECIPE)
    trials, _ = cut_trials(recording, RECIPE.preprocessing(CHANNELS, SFREQ), RECIPE.cut)
    np.testing.assert_array_equal(data.windows, np.stack([trial.window.data for trial in trials]))
    assert data.pictures == tuple(latents)
    np.testing.assert_array_equal(data.targets, np.stack(list(latents.values())))


def test_markers_of_unknown_pictures_and_incomplete_trials_are_left_out() -> None:
    recording, latents = session(30, 0)
    known = {name: latent for name, latent in latents.items() if name != "p/7"}
    late = Marker(float(recording.times[-2]), "shown/p/3")
    more = Recording(recording.data, recording.times, CHANNELS, SFREQ, (*recording.markers, Marker(1.0, "pause"), late))
    data = gather(more, known, RECIPE)
    assert data.pictures == tuple(known)


def test_calibration_makes_a_decoder_that_identifies_new_pictures(tmp_path: Path) -> None:
    generator = Generator.open(tiny_generator(tmp_path / "generator"))
    assert isinstance(generator.manifest, GeneratorManifest)
    recording, latents = session(150, 1)
    told: list[tuple[int, int, str]] = []
    bundle = calibrate(
        tmp_path / "decoder", gather(recording, latents, RECIPE), RECIPE, name="participant",
        generator=generator.manifest, provenance=PROVENANCE, on_progress=lambda *each: told.append(each),
    )  # fmt: skip
    score = bundle.manifest.metrics[0]
    assert score.value > 0.75
    assert score.noise_input == pytest.approx(0.5, abs=0.1)
    assert score.shuffled_pairing == pytest.approx(0.5, abs=0.1)
    assert [done for done, _, _ in told] == [0, 1, 2, 3, 4, 5, 6]
    assert {total for _, total, _ in told} == {6}
    decoder = Decoder.open(bundle, generator)
    data = gather(*session(60, 2), RECIPE)
    read = decoder.decode_many(data.windows)
    live = pairwise_identification(read, data.targets, decoder.latent_mean).mean()
    assert live == pytest.approx(score.value, abs=0.1)


def test_too_few_trials_are_counted_in_the_message() -> None:
    recording, latents = session(7, 0)
    with pytest.raises(
        SettingsError, match=r"at least 8 trials.*has 7 markers, 0 without a complete trial, and 7 trials"
    ):
        gather(recording, latents, RECIPE)
    recording, _ = session(30, 0)
    with pytest.raises(SettingsError, match=r"30 markers.*0 trials of known pictures. Check the marker labels"):
        gather(recording, {"other": np.zeros(DIM, np.float32)}, RECIPE)


def test_too_few_different_pictures_are_refused(tmp_path: Path) -> None:
    recording, latents = session(30, 0)
    same = tuple(Marker(marker.time, f"p/{i % 3}") for i, marker in enumerate(recording.markers))
    data = gather(Recording(recording.data, recording.times, CHANNELS, SFREQ, same), latents, RECIPE)
    manifest = tiny_generator(tmp_path / "generator").manifest
    assert isinstance(manifest, GeneratorManifest)
    with pytest.raises(SettingsError, match=r"at least 8 different pictures; got 3.*Show more"):
        calibrate(tmp_path / "d", data, RECIPE, name="x", generator=manifest, provenance=PROVENANCE)
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(("value", "words"), [(3.0, "O2 are flat"), (np.nan, "O2 hold NaN")])
def test_a_flat_channel_and_one_with_nan_are_named(value: float, words: str) -> None:
    recording, latents = session(30, 0)
    spoilt = recording.data.copy()
    spoilt[2, :] = value
    with pytest.raises(SignalError, match=words):
        gather(Recording(spoilt, recording.times, CHANNELS, SFREQ, recording.markers), latents, RECIPE)


def test_a_recipe_refuses_what_cannot_be_meant() -> None:
    for wrong in ({"n_folds": 1}, {"decimation": 0}, {"bins": 3}, {"reference": "mastoids"}):
        with pytest.raises(ValidationError):
            CalibrationRecipe.model_validate(wrong)
    with pytest.raises(SettingsError, match="between 0 and half the rate"):
        CalibrationRecipe(band_hz=(1.0, 80.0)).preprocessing(CHANNELS, SFREQ)


def test_a_participants_marker_latency_is_found_by_a_component_and_travels_in_the_cut(tmp_path: Path) -> None:
    recording, latents = session(60, 5, signal_uv=4.0)
    times = np.arange(recording.n_times) / SFREQ
    data = np.array(recording.data)
    for marker in recording.markers:  # a response that all pictures share, largest 270 ms after the marker
        data[:3] += 30 * np.exp(-0.5 * ((times - marker.time - 0.27) / 0.02) ** 2)
    later = Recording(data, times, recording.channels, SFREQ, recording.markers)
    open_ended = RECIPE.model_copy(
        update={"component_s": 0.17, "band_hz": (0.5, None), "reference": "none", "decimation": 1}
    )
    found = gather(later, latents, open_ended)
    assert found.cut.latency_s == pytest.approx(0.1, abs=0.011)
    plain = gather(later, latents, open_ended.model_copy(update={"component_s": None}))
    assert plain.cut == RECIPE.cut
    np.testing.assert_array_equal(found.windows[:, :, :-10], plain.windows[:, :, 10:])
    generator = tiny_generator(tmp_path / "generator")
    assert isinstance(generator.manifest, GeneratorManifest)
    bundle = calibrate(
        tmp_path / "decoder", found, open_ended, name="late", generator=generator.manifest, provenance=PROVENANCE
    )
    assert bundle.manifest.cut == found.cut

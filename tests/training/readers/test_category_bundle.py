"""A reader of categories as a bundle: the program opens it and draws the mean picture of the class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.contract.manifest import DecoderManifest, GeneratorManifest, Score
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from tests.tiny import DIM, PROVENANCE, tiny_generator
from tests.training.readers.categories import N_TIMES, category_trials
from training.readers.category import fit_shrinkage_lda
from training.readers.category_bundle import category_bundle, to_latents
from training.readers.covariance import View, fit_covariance, high_pass_times

LATENTS = np.random.default_rng(3).normal(size=(3, DIM)).astype(np.float32)
SCORE = Score(name="accuracy", value=0.7, low=0.6, high=0.8, chance=0.5, n=60, held_out="each run in turn")


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_mean_decision_values_of_a_class_become_its_latent(n_classes: int) -> None:
    trials, targets = category_trials(90, n_classes)
    reader, latents = fit_shrinkage_lda(trials.windows, targets), LATENTS[:n_classes]
    decisions = reader.read(trials.windows)
    read = to_latents(reader, targets, decisions, latents).read(trials.windows)
    means = np.stack([read[shown > 0].mean(axis=0) for shown in targets.T])
    np.testing.assert_allclose(means, latents, atol=1e-3)
    # between two classes lies what is in doubt, and nothing lies off the line
    if n_classes == 2:
        along = (read - latents[0]) @ (latents[1] - latents[0]) / ((latents[1] - latents[0]) ** 2).sum()
        np.testing.assert_allclose(read, latents[0] + along[:, None] * (latents[1] - latents[0]), atol=1e-3)


def test_the_mean_target_counts_each_class_as_often_as_it_was_shown() -> None:
    trials, targets = category_trials(90)
    some = np.r_[np.flatnonzero(targets[:, 0]), np.flatnonzero(targets[:, 1])[:15]]
    reader = fit_shrinkage_lda(trials.windows[some], targets[some])
    found = to_latents(reader, targets[some], reader.read(trials.windows[some]), LATENTS[:2]).mean_target
    np.testing.assert_allclose(found, 0.75 * LATENTS[0] + 0.25 * LATENTS[1], rtol=1e-5)


def test_what_does_not_belong_together_is_refused() -> None:
    trials, targets = category_trials(60)
    reader = fit_shrinkage_lda(trials.windows, targets)
    with pytest.raises(SettingsError, match=r"latents \(3, 6\)"):
        to_latents(reader, targets, reader.read(trials.windows), LATENTS)


def test_the_live_decoder_opens_a_covariance_reader_and_its_picture_is_that_of_the_class(tmp_path: Path) -> None:
    trials, targets = category_trials(60, signal=2.0)
    views = [View(high_pass_times(N_TIMES, 100.0, 2.0, skip=5), (3,)), View(np.eye(N_TIMES))]
    reader = fit_covariance(trials.windows, targets, views)
    decisions, made = reader.read(trials.windows), tiny_generator(tmp_path / "generator")
    assert isinstance(made.manifest, GeneratorManifest)
    bundle = category_bundle(
        tmp_path / "decoder", reader, trials, targets, decisions, LATENTS[:2],
        name="faces or houses", generator=made.manifest, provenance=PROVENANCE, metrics=(SCORE,),
    )  # fmt: skip
    manifest, generator = bundle.manifest, Generator.open(made)
    assert isinstance(manifest, DecoderManifest)
    assert (manifest.kind, manifest.trained_on) == ("eeg-decoder", ())
    decoder = Decoder.open(tmp_path / "decoder", generator, device="cpu")
    wanted = to_latents(reader, targets, decisions, LATENTS[:2]).read(trials.windows)
    np.testing.assert_allclose(decoder.decode_many(trials.windows), wanted, atol=1e-3)
    np.testing.assert_allclose(decoder.decode(trials.windows[7]), wanted[7], atol=1e-3)
    drawn, pictures = generator.generate(wanted).astype(float), generator.generate(LATENTS[:2]).astype(float)
    nearer = ((drawn[:, None] - pictures) ** 2).mean(axis=(2, 3, 4)).argmin(axis=1)
    assert (nearer == targets.argmax(axis=1)).mean() > 0.9

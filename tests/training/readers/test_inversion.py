"""The reader by Bayes' rule: it finds what drove the neurons, leaves no graph that reads otherwise, and uses only counts."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.contract.identification import pairwise_identification
from bci_app.inference.session import OnnxModel
from training.readers.inversion import Bank, InversionReader, fit_inversion
from training.readers.picture_features import PictureFeatures

DIM, NEURONS = 4, 24


def world(n: int, seed: int) -> tuple[PictureFeatures, np.ndarray, np.ndarray]:
    """Features, latents that are linear in them, and Poisson counts of neurons that are not."""
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((n, 8, 1)).astype(np.float32)
    fixed = np.random.default_rng(99)
    latents = maps[:, :, 0] @ fixed.standard_normal((8, DIM)).astype(np.float32)
    drive = maps[:, :, 0] @ fixed.standard_normal((8, NEURONS)) / 3
    counts = rng.poisson(6 * np.exp(np.clip(drive, -2, 1.5))).astype(np.float32)
    return PictureFeatures((maps,)), latents, counts[:, :, np.newaxis]


@pytest.fixture(scope="module")
def fitted() -> InversionReader:
    features, latents, counts = world(200, 0)
    bank_features, bank_latents, _ = world(600, 1)
    names = [f"picture {number}" for number in range(200)]
    return fit_inversion(counts, latents, names, features, Bank(bank_features, bank_latents))


def test_new_pictures_are_identified_from_counts(fitted: InversionReader) -> None:
    _, latents, counts = world(100, 2)
    assert pairwise_identification(fitted.read(counts), latents, fitted.mean_target).mean() > 0.85
    shuffled = fitted.read(counts)[np.random.default_rng(0).permutation(100)]
    assert abs(pairwise_identification(shuffled, latents, fitted.mean_target).mean() - 0.5) < 0.1


def test_the_graph_reads_what_the_reader_reads(fitted: InversionReader) -> None:
    _, _, counts = world(30, 3)
    model = OnnxModel(fitted.graph(), "cpu")
    assert (model.input.name, model.output.name) == ("window", "latent")
    for batch in (counts[:1], counts):
        np.testing.assert_allclose(model.run(batch), fitted.read(batch), atol=1e-3)


def test_repeats_of_a_picture_count_once_in_the_bank() -> None:
    features, latents, counts = world(60, 4)
    bank_features, bank_latents, _ = world(50, 5)
    twice = np.tile(np.arange(60), 2)
    names = [f"picture {number}" for number in twice]
    reader = fit_inversion(
        counts[twice], latents[twice], names, features.take(twice), Bank(bank_features, bank_latents)
    )
    assert len(reader.latents) == len(reader.predicted) == 60 + 50


def test_windows_of_several_bins_are_refused() -> None:
    features, latents, counts = world(20, 6)
    with pytest.raises(SettingsError, match="one count per neuron"):
        fit_inversion(np.repeat(counts, 2, axis=2), latents, ["x"] * 20, features, Bank(features, latents))

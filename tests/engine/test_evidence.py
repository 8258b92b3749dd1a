"""The running curve is the pairwise identification of the trials so far."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.identification import bootstrap_interval, pairwise_identification, shuffled_identification
from bci_app.engine.evidence import RunningIdentification, shuffled_band

DIM, N = 8, 40


def filled(noise: float, seed: int = 0) -> tuple[RunningIdentification, dict[str, np.ndarray], list[float]]:
    rng = np.random.default_rng(seed)
    shown = rng.normal(size=(N, DIM)).astype(np.float32)
    read = (shown + noise * rng.normal(size=shown.shape)).astype(np.float32)
    twin = rng.normal(size=shown.shape).astype(np.float32)
    evidence = RunningIdentification(np.zeros(DIM, np.float32))
    own = [evidence.add(*each) for each in zip(read, twin, shown, strict=True)]
    return evidence, {"read": read, "noise": twin, "shown": shown}, own


def test_each_point_is_the_identification_recomputed_from_the_trials_up_to_it() -> None:
    evidence, latents, own = filled(noise=1.5)
    curves, centre = evidence.curves(), np.zeros(DIM)
    for curve, name in ((curves.decoder, "read"), (curves.noise_twin, "noise")):
        np.testing.assert_array_equal(curve.n, np.arange(2, N + 1))
        for i, n in enumerate(curve.n):
            scores = pairwise_identification(latents[name][:n], latents["shown"][:n], centre)
            assert (curve.mean[i], curve.low[i], curve.high[i]) == bootstrap_interval(scores)
            if name == "read":
                assert own[n - 1] == scores[-1]
    assert np.isnan(own[0])


def test_a_perfect_reading_is_identified_always_and_noise_at_chance() -> None:
    curves = filled(noise=0.0)[0].curves()
    assert curves.decoder.mean[-1] == 1.0
    twins = [filled(noise=0.0, seed=seed)[0].curves().noise_twin for seed in range(5)]
    assert abs(np.mean([twin.mean[-1] for twin in twins]) - 0.5) < 0.05


@pytest.mark.parametrize("n", [10, 40])
def test_band_of_a_shuffled_pairing_holds_the_deals_and_hardly_more(n: int) -> None:
    rng, centre = np.random.default_rng(n), np.zeros(256)
    widths = []
    for seed in range(5):
        read, shown = rng.normal(size=(2, n, 256))  # in so many dimensions no picture fits most readings
        _, low, high = shuffled_identification(read, shown, centre, n_deals=500, seed=seed)
        widths.append(high - low)
    low, high = shuffled_band(n)
    assert low + high == pytest.approx(1.0)
    assert 0.85 < np.mean(widths) / (high - low) < 1.02


def test_two_trials_say_nothing() -> None:
    assert shuffled_band(1) == shuffled_band(2) == (0.0, 1.0)


def test_all_latents_are_kept_in_order() -> None:
    evidence, latents, _ = filled(noise=1.0)
    for name, kept in evidence.latents().items():
        np.testing.assert_array_equal(kept, latents[name])


def test_curves_are_empty_at_first() -> None:
    curves = RunningIdentification(np.zeros(DIM, np.float32)).curves()
    assert curves.decoder.n.size == curves.noise_twin.mean.size == 0


def test_both_scores_are_said_in_one_sentence_beside_chance() -> None:
    assert RunningIdentification(np.zeros(DIM, np.float32)).text == "too few to be scored."
    evidence = filled(noise=0.0)[0]
    assert len(evidence) == N
    said = evidence.text
    twin = evidence.curves().noise_twin
    assert said.startswith("identification 1.00 (95 %: 1.00 to 1.00), of the noise twin")
    assert f"{twin.mean[-1]:.2f} (95 %: {twin.low[-1]:.2f} to {twin.high[-1]:.2f}); chance 0.50." in said

"""What one trial, one picture or one person comes to as a number."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.bundles import shipped
from bci_app.contract.errors import SettingsError
from bci_app.contract.signal import Marker, Trial, Window
from bci_app.contract.windowing import TrialSpec, WindowSpec, samples_per_window
from bci_app.engine.evolution_responder import (
    CLASSIFIER,
    AnyResponder,
    PersonResponder,
    PictureResponder,
    TrialResponder,
    open_responder,
)
from bci_app.engine.evolution_settings import (
    ComponentResponse,
    RateResponse,
    RatingResponse,
    SimilarityResponse,
    UnitResponse,
)
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.inference.image_model import ImageModel
from tests.engine.conftest import CHANNELS, SFREQ
from tests.tiny import tiny_decoder


def trial_of(responder: AnyResponder, data: np.ndarray) -> Trial:
    assert isinstance(responder, TrialResponder)
    n_times = samples_per_window(responder.cut, responder.preprocessing.output_sfreq)
    assert data.shape == (len(responder.preprocessing.channels), n_times)
    return Trial(Window(data.astype(np.float32), np.arange(n_times) / SFREQ, 0), Marker(1.0, "shown/x"))


COMPONENT = ComponentResponse(
    channels=("Pz", "Oz"), sfreq=SFREQ, start_s=0.3, stop_s=0.6, baseline_s=(-0.1, 0.0), reject_uv=100.0
)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_component_is_the_mean_between_its_latencies_with_its_sign(generator: Generator, sign: int) -> None:
    responder = open_responder(COMPONENT.model_copy(update={"sign": sign}), generator)
    data = np.random.default_rng(0).standard_normal((2, 70))  # from -0.1 to 0.6 s at 100 Hz
    data[:, 40:70] += 5
    assert isinstance(responder, TrialResponder)
    assert responder.read(trial_of(responder, data)).value == pytest.approx(sign * data[:, 40:70].mean(), rel=1e-5)
    assert responder.unit == "µV"
    assert responder.words == ("" if sign > 0 else "minus ") + "Pz, Oz, 300 to 600 ms"
    assert responder.preprocessing.channels == ("Pz", "Oz")


def test_a_component_without_baseline_needs_its_own_window_alone(generator: Generator) -> None:
    responder = open_responder(COMPONENT.model_copy(update={"baseline_s": None}), generator)
    assert isinstance(responder, TrialResponder)
    assert responder.cut == TrialSpec(start_s=0.3, stop_s=0.6)
    assert responder.read(trial_of(responder, np.tile(np.arange(30.0), (2, 1)))).value == 14.5


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda data: data.__setitem__((0, slice(None)), 3.0), "Pz did not move"),
        (lambda data: data.__imul__(1e-3), "Pz, Oz did not move"),
        (lambda data: data.__setitem__((1, 10), 150.0), r"15\d µV peak to peak at Oz, more than 100"),
    ],
)
def test_trials_with_artefacts_give_no_response_and_the_reason(generator: Generator, spoil: object, words: str) -> None:
    responder = open_responder(COMPONENT, generator)
    assert isinstance(responder, TrialResponder)
    data = np.random.default_rng(0).standard_normal((2, 70))
    assert not responder.read(trial_of(responder, data)).rejected
    spoil(data)  # type: ignore[operator]
    answer = responder.read(trial_of(responder, data))
    assert (answer.value, answer.rejected) == (None, True)
    assert re.fullmatch(words, answer.why)


def test_a_rate_is_spikes_by_seconds_averaged_over_neurons(generator: Generator) -> None:
    responder = open_responder(RateResponse(neurons=("n1", "n2"), sfreq=SFREQ, start_s=0.05, stop_s=0.25), generator)
    assert isinstance(responder, TrialResponder)
    counts = np.zeros((2, 20))
    counts[0, ::5], counts[1, 3] = 2, 4
    assert responder.read(trial_of(responder, counts)).value == pytest.approx((8 / 0.2 + 4 / 0.2) / 2)
    assert (responder.unit, responder.preprocessing.unit) == ("spikes/s", "count")
    assert responder.read(trial_of(responder, np.zeros((2, 20)))).value == 0.0


def test_a_similarity_is_the_cosine_to_the_target_round_the_mean(
    tmp_path: Path, generator: Generator, decoder: Decoder
) -> None:
    pixels = generator.generate(np.random.default_rng(1).standard_normal((1, 6)))[0]
    Image.fromarray(pixels).save(tmp_path / "target.png")
    response = SimilarityResponse(decoder=decoder.bundle.folder, target=tmp_path / "target.png")
    responder = open_responder(response, generator)
    assert isinstance(responder, TrialResponder)
    data = np.random.default_rng(2).standard_normal((len(CHANNELS), decoder.n_times))
    target = generator.encode(pixels[None])[0] - decoder.latent_mean
    read = decoder.decode(data) - decoder.latent_mean
    cosine = read @ target / np.linalg.norm(read) / np.linalg.norm(target)
    assert responder.read(trial_of(responder, data)).value == pytest.approx(cosine, rel=1e-5)
    assert responder.preprocessing == decoder.manifest.preprocessing
    assert responder.identity["decoder"] == decoder.bundle.digest


def test_a_decoder_of_sliding_windows_cannot_answer_to_pictures(tmp_path: Path, generator: Generator) -> None:
    bundle = tiny_decoder(tmp_path / "d", generator.bundle, CHANNELS, SFREQ, WindowSpec(window_s=0.5, hop_s=0.1))
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "target.png")
    with pytest.raises(SettingsError, match=r"reads sliding windows\. Choose a decoder made from trials"):
        open_responder(SimilarityResponse(decoder=bundle.folder, target=tmp_path / "target.png"), generator)


def test_a_unit_answers_as_the_model_does_and_its_noise_is_that_of_the_numbers_given(generator: Generator) -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    model = ImageModel.open(shipped(CLASSIFIER))
    layer = list(model.layers)[-1]
    clean = model.unit(layer, 1)(image[None])[0]
    responder = open_responder(UnitResponse(channel=1), generator)
    assert isinstance(responder, PictureResponder)
    assert responder.respond(image, np.random.default_rng(0)) == clean
    noisy = open_responder(UnitResponse(channel=1, noise=0.5), generator)
    assert isinstance(noisy, PictureResponder)
    factor = max(0.0, 1 + 0.5 * np.random.default_rng(3).standard_normal())
    assert noisy.respond(image, np.random.default_rng(3)) == pytest.approx(clean * factor)
    assert responder.identity["layer"] == layer
    assert model.bundle is not None
    assert responder.identity["model"] == model.bundle.digest


def test_a_person_has_steps_and_patience(generator: Generator) -> None:
    responder = open_responder(RatingResponse(steps=5, patience_s=20), generator)
    assert isinstance(responder, PersonResponder)
    assert (responder.steps, responder.patience_s, responder.words) == (5, 20.0, "rating, 1 to 5")


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (ComponentResponse(start_s=0.6, stop_s=0.3), "from a start to a later stop; got 0.6 to 0.3 s"),
        (ComponentResponse(start_s=0.3, stop_s=0.301), "300 to 301 ms hold no sample"),
        (ComponentResponse(sfreq=50), "half the rate"),
        (RateResponse(neurons=("a",), start_s=0.1, stop_s=0.1), "later stop"),
    ],
)
def test_a_window_or_filter_that_cannot_be_meant_is_refused(
    generator: Generator, response: ComponentResponse | RateResponse, words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        open_responder(response, generator)

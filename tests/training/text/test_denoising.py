"""The language model restores what noise took away."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import BartForConditionalGeneration

from bci_app.contract.errors import SettingsError
from tests.training.text.readings import SENTENCES
from training.errors import TrainingError
from training.interrupts import Asked
from training.team import Team
from training.text.denoising import Noise, labels_of, restoring_loss, share_of_rate, train_language, validation_loss
from training.text.tokens import ids_of
from training.text_recipe import NoisySettings, SmallBart

NOTHING = {"mask": 0.0, "swap": 0.0, "drop": 0.0, "infill": 0.0, "nothing": 0.0}
SMALL = SmallBart(d_model=16, n_layers=1, n_heads=2, hidden=32, n_places=32, steps=30, batch_size=16, warm_up=5)


def _noise(tokenizer: Tokenizer, **shares: float) -> Noise:
    return Noise(NoisySettings(**(NOTHING | shares)), tokenizer, [list(range(100, 200))])


def test_each_kind_of_noise_does_what_it_says(tokenizer: Tokenizer) -> None:
    sentence, rng = list(range(10, 1010)), np.random.default_rng(0)
    assert _noise(tokenizer)(sentence, rng) == sentence
    masked = _noise(tokenizer, mask=0.3)(sentence, rng)
    assert [one for one, other in zip(masked, sentence, strict=True) if one != other] == [4] * masked.count(4)
    assert masked.count(4) == pytest.approx(300, abs=60)
    swapped = np.array(_noise(tokenizer, swap=0.3)(sentence, rng))
    others = swapped[swapped != sentence]
    assert len(others) == pytest.approx(300, abs=60)
    assert set(others) <= set(range(100, 200))
    assert len(_noise(tokenizer, drop=0.3)(sentence, rng)) == pytest.approx(700, abs=60)
    assert _noise(tokenizer, nothing=0.999)(sentence, rng) == [4] == _noise(tokenizer)([], rng)


def test_a_stretch_is_hidden_behind_one_mask(tokenizer: Tokenizer) -> None:
    noise, rng, sentence = _noise(tokenizer, infill=0.999), np.random.default_rng(1), list(range(10, 40))
    for _ in range(50):
        made = noise(sentence, rng)
        place = made.index(4)
        behind = made[place + 1 :]
        assert made.count(4) == 1
        assert made[:place] + behind == sentence[:place] + sentence[len(sentence) - len(behind) :]


def test_blanks_stand_round_the_tokens_which_stay_as_they_are(tokenizer: Tokenizer) -> None:
    noise, rng, sentence = _noise(tokenizer, blanks=3), np.random.default_rng(2), list(range(10, 1010))
    apart = noise(sentence, rng)
    assert [token for token in apart if token != 4] == sentence
    counts = np.diff([-1, *np.flatnonzero(np.array(apart) != 4), len(apart)]) - 1
    assert set(counts) == {0, 1, 2, 3}
    assert counts.mean() == pytest.approx(1.5, abs=0.1)


def test_blanks_never_ask_for_more_places_than_there_are(
    tokenizer: Tokenizer, language: BartForConditionalGeneration
) -> None:
    loss = restoring_loss(language, [[9] * 40], _noise(tokenizer, blanks=20), np.random.default_rng(0))
    assert math.isfinite(loss.item())


def test_labels_are_framed_and_what_is_padded_does_not_count(language: BartForConditionalGeneration) -> None:
    assert labels_of([[7, 8], [9]], language).tolist() == [[0, 7, 8, 2], [0, 9, 2, -100]]


def test_training_restores_better_the_same_twice_and_stops_when_asked(tokenizer: Tokenizer) -> None:
    train, validation = SENTENCES[:24], SENTENCES[24:]
    held_out, noise = ids_of(tokenizer, validation), Noise(SMALL.noise, tokenizer, ids_of(tokenizer, train))
    before, one, other = (
        train_language(tokenizer, train, validation, SMALL, 3, team=Team(asked=Asked(stopped)))
        for stopped in (True, False, False)
    )
    losses = [validation_loss(each, held_out, noise, 3) for each in (before, one)]
    assert losses[1] < 0.9 * losses[0]
    assert not one.training
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


def test_what_cannot_be_trained_is_told(tokenizer: Tokenizer) -> None:
    with pytest.raises(SettingsError, match="up to 6 tokens"):
        train_language(tokenizer, SENTENCES, (), SMALL.model_copy(update={"n_places": 8}), 0)
    for steps in (SMALL.steps, 1):  # the last step of all spoils the weights after its own loss
        wild = SMALL.model_copy(update={"learning_rate": 1e30, "warm_up": 0, "steps": steps})
        with pytest.raises(TrainingError, match=r"Lower language\.learning_rate"):
            train_language(tokenizer, SENTENCES, (), wild, 0)


def test_the_rate_rises_and_falls() -> None:
    shares = [share_of_rate(step, 100, 9) for step in range(100)]
    assert shares[0] == pytest.approx(0.1)
    assert int(np.argmax(shares)) in (8, 9)
    assert shares[50] == pytest.approx(0.5)
    assert shares[-1] < 0.001

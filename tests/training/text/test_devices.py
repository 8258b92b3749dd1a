"""All of the training and reading of text happens on the device that it is given, and comes to what it comes to on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from bci_app.contract.manifest import Generation
from bci_app.contract.reading import Reads
from tests.training.text import elsewhere
from tests.training.text.readings import SENTENCES, known_readings
from training.team import Team
from training.text.corpus import Corpus, language_model
from training.text.reader import TrainedTextReader
from training.text.training import Record, Sides, train_reader
from training.text_recipe import CodexSettings, LossWeights, StageSettings, TextRecipe, WavePretraining

EVENLY = StageSettings(epochs=1, losses=LossWeights(tokens=0.0, words=0.0, sentences=0.0, evenly=1.0))
OF_WAVES = {"pretraining": WavePretraining(epochs=1), "beginning": EVENLY}


def _trained(recipe: TextRecipe, reads: Reads, team: Team) -> tuple[TrainedTextReader, list[Record]]:
    readings = known_readings(reads).take(np.arange(9))
    few = {
        "generation": Generation(max_tokens=3),
        "codex": CodexSettings(n_codes=16, dim=16, code_dim=8),
        "encoder": recipe.encoder.model_copy(update={"dropout": 0.0}),  # each device draws its own
        "language": recipe.language.model_copy(update={"dropout": 0.0, "steps": 2}),
    }
    few |= dict.fromkeys(
        ("first", "second"), StageSettings(epochs=1, learning_rate=1e-2, language=1.0)
    )  # no close call
    wanted = recipe.model_copy(update=few | (OF_WAVES if reads == "waves" else {}))
    language, tokenizer = language_model(wanted, Corpus(SENTENCES[:24], SENTENCES[24:]), None, team)
    return train_reader(wanted, Sides(readings, readings, readings), language, tokenizer, None, team)


@pytest.mark.parametrize("reads", ["word-windows", "waves"])
def test_nothing_is_left_on_the_cpu(recipe: TextRecipe, reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    signals = [each.signal for each in known_readings(reads).items[:5]]
    reader, curve = _trained(recipe, reads, Team())
    monkeypatch.setattr(nn.Module, "to", elsewhere.to)
    monkeypatch.setattr(torch, "tensor", elsewhere.tensor)
    with elsewhere.Device():
        there, same_curve = _trained(recipe, reads, elsewhere.team_elsewhere())
        assert there.device == elsewhere.DEVICE != reader.device
        embedded, shown = there.embed_signals(signals), there.embed_sentences(SENTENCES[:5])
        assert embedded.shape == shown.shape == reader.embed_signals(signals).shape
        assert there.word_vectors(SENTENCES).shape == (len(SENTENCES), 16)
        assert [len(each) for each in there.codes(signals)] == [len(each) for each in reader.codes(signals)]
        assert len(there.generate(signals)) == len(there.teacher_forced(signals, SENTENCES[:5])) == 5
        assert len(there.language_alone(3, 0)) == 3
    for mine, wanted in zip(same_curve, curve, strict=True):
        assert mine.pop("part") == wanted.pop("part")
        assert mine == pytest.approx(wanted, rel=1e-3)


def test_a_tensor_left_on_the_cpu_is_noticed() -> None:
    with elsewhere.Device():
        there = torch.ones(3, device=elsewhere.DEVICE)
        assert isinstance(there + there, elsewhere.Elsewhere)
        assert float((2.0 * there).sum().cpu()) == 6.0
        with pytest.raises(AssertionError, match="mixes devices"):
            there + torch.ones(3)

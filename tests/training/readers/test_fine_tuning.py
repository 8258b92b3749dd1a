"""A new participant: what is learnt anew, what is kept, and that it helps."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.contract.identification import pairwise_identification
from bci_app.simulation.settings import ParticipantSettings
from tests.training.readers.problem import SFREQ, TINY_NICE, tiny_recipe, trials
from training.data.simulated import simulate_trials
from training.reader_recipe import ReaderRecipe, SimulatedData
from training.readers.deep import DeepModel, fit_deep
from training.readers.fine_tuning import fine_tune, for_one_more, theirs_alone

TUNED = {"epochs": 20, "batch_size": 16, "learning_rate": 1e-2, "thaw": 0.0}


def _two(recipe: ReaderRecipe) -> DeepModel:
    parts = [trials(60, seed=seed, brain=seed) for seed in (1, 2)]
    windows, targets = (np.concatenate([part[key] for part in parts]) for key in (0, 1))
    return fit_deep(windows, targets, (*parts[0][2], *parts[1][2]), recipe, SFREQ, ["Ada"] * 60 + ["Ben"] * 60)


@pytest.mark.parametrize("reader", [TINY_NICE, tiny_recipe().reader.model_dump()], ids=["nice", "eegnet"])
def test_the_encoder_stays_but_for_its_last_projection_and_the_first_model_stays_whole(reader: dict) -> None:
    recipe = tiny_recipe(reader=reader, fine_tuning=TUNED, subject="Cleo")
    model = _two(recipe)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    tuned = fine_tune(model, *trials(60, seed=3, brain=3), recipe, "Cleo")
    assert all(torch.equal(before[name], value) for name, value in model.network.state_dict().items())
    network = for_one_more(model.network)
    anew = {weight for part in theirs_alone(network) for weight in part.parameters()}
    new = dict(tuned.network.named_parameters())
    for name, weight in network.named_parameters():
        if not name.startswith("embedding"):  # which no part of this objective teaches
            assert torch.equal(new[name], weight) != (weight in anew), name
    assert tuned.subjects == ("Cleo",)


def test_a_new_participant_begins_as_the_mean_of_those_before() -> None:
    model = _two(tiny_recipe())
    mixing = for_one_more(model.network).subjects.mixing
    torch.testing.assert_close(mixing[0], model.network.subjects.mixing.mean(dim=0))
    assert mixing.shape[0] == 1


def _participant(seed: int, n: int, n_test: int) -> SimpleNamespace:
    """A simulated brain under 32 electrodes; latents are the mean colours of the quarters of each picture."""
    data = SimulatedData(
        participant=ParticipantSettings(seed=seed, n_channels=32, sfreq=128.0, snr=0.6),
        families=("shapes",),
        n_trials=n,
        n_test=n_test,
        soa_s=0.6,
        cutting=CalibrationRecipe(decimation=1),
    )
    made = simulate_trials(data, seed, 16)
    images = np.stack([made.images[picture] for picture in made.pictures]).astype(np.float32)
    latents = images.reshape(-1, 2, 8, 2, 8, 3).mean(axis=(2, 4)).reshape(len(images), -1) / 64
    learnt = np.array(made.sessions) == "training"
    return SimpleNamespace(
        known=(made.windows[learnt], latents[learnt], tuple(np.array(made.pictures)[learnt])),
        test=(made.windows[~learnt], latents[~learnt]),
    )


def test_with_few_trials_of_a_new_brain_going_on_from_others_beats_starting_anew() -> None:
    recipe = ReaderRecipe.model_validate(
        {
            "reader": {"kind": "eegnet", "width": 32, "n_filters": 4, "kernel_s": 0.1},
            "optimiser": {"epochs": 20, "batch_size": 32, "learning_rate": 3e-3, "validation": 0.2},
            "subject": "new",
            "fine_tuning": {"epochs": 25},
        }
    )
    longer = recipe.optimiser.model_copy(update={"epochs": 50, "batch_size": 16})
    others = [_participant(seed, 150, 20) for seed in (1, 2, 3)]
    windows, targets = (np.concatenate([each.known[key] for each in others]) for key in (0, 1))
    pictures = tuple(picture for each in others for picture in each.known[2])
    names = [f"participant {number // 150}" for number in range(len(windows))]
    model = fit_deep(windows, targets, pictures, recipe, 128.0, names)
    scores = []
    for new in [_participant(seed, 40, 80) for seed in (11, 12)]:
        tuned = fine_tune(model, *new.known, recipe, "new").reader()
        anew = fit_deep(*new.known, recipe.model_copy(update={"optimiser": longer}), 128.0).reader()
        read = [(each.read(new.test[0]), new.test[1], each.mean_target) for each in (tuned, anew)]
        scores.append([pairwise_identification(*each).mean() for each in read])
    going_on, starting_anew = np.mean(scores, axis=0)
    assert going_on > starting_anew + 0.02
    assert going_on > 0.55

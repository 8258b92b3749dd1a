"""The recipe's reader, fitted for an evaluation that knows nothing of participants and networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.readers.problem import DIM, TUNED, tiny_recipe, two_participants
from training.data.brain import BrainTrials
from training.data.division import divide
from training.evaluate.reader_reading import cross_validated_reading
from training.evaluate.reader_scores import PAIRWISE, per_trial
from training.reader_recipe import NamedSplit
from training.readers.fitting import Fitting
from training.run_folder import RunFolder


@pytest.mark.parametrize("tuning", [None, TUNED], ids=["together", "one after the other"])
def test_only_the_participant_named_is_scored_and_by_a_reader_of_their_own(tmp_path: Path, tuning: dict | None) -> None:
    made, latents = two_participants()
    recipe = tiny_recipe(subject="Ben", fine_tuning=tuning)
    division = divide(made, NamedSplit(), 0, "Ben")
    fitting = Fitting(recipe, made, division, RunFolder(tmp_path))
    reading = cross_validated_reading(fitting, made, latents, division.folds, 0, held_out=division.held_out)
    assert {made.subjects[number] for number in reading.trial} == {"Ben"}
    assert reading.held_out.startswith("of Ben: session test")
    assert per_trial(PAIRWISE, reading).mean() > 0.7
    assert per_trial(PAIRWISE, reading, "shuffled").mean() == pytest.approx(0.5, abs=0.15)
    ada = np.flatnonzero((np.array(made.subjects) == "Ada") & (np.array(made.sessions) == "test"))
    stranger = per_trial(PAIRWISE, reading).mean() - _identified(fitting, made, latents, ada)
    assert stranger > 0.1
    assert (tmp_path / "log.jsonl").is_file()
    assert (tmp_path / "fit-2" / "log.jsonl").is_file()


def _identified(fitting: Fitting, made: BrainTrials, latents: np.ndarray, rows: np.ndarray) -> float:
    from bci_app.contract.identification import pairwise_identification

    reader = fitting.fitted[0]
    return float(pairwise_identification(reader.read(made.windows[rows]), latents[rows], reader.mean_target).mean())


def test_a_linear_reader_is_fitted_as_calibration_fits_it(tmp_path: Path) -> None:
    from bci_app.calibration.ridge import fit_reader

    made, latents = two_participants()
    recipe = tiny_recipe(reader={"kind": "linear", "bin_times": 8})
    fitting = Fitting(recipe, made, divide(made, NamedSplit(), 0), RunFolder(tmp_path))
    reader = fitting(made.windows, latents, made.pictures, 0)
    np.testing.assert_array_equal(
        reader.read(made.windows), fit_reader(made.windows, latents.astype(np.float32), 8).read(made.windows)
    )
    assert reader.mean_target.shape == (DIM,)


@pytest.mark.parametrize("weighted", [True, False])
def test_least_squares_are_fitted_as_the_recipe_says(tmp_path: Path, weighted: bool) -> None:
    from training.readers.linear import fit_least_squares

    made, latents = two_participants()
    recipe = tiny_recipe(reader={"kind": "least_squares", "bin_times": 8, "n_components": 12, "weighted": weighted})
    fitting = Fitting(recipe, made, divide(made, NamedSplit(), 0), RunFolder(tmp_path))
    reader = fitting(made.windows, latents, made.pictures, 0)
    wanted = fit_least_squares(made.windows, latents, bin_times=8, n_components=12, weighted=weighted)
    np.testing.assert_array_equal(reader.read(made.windows), wanted.read(made.windows))


def test_least_squares_have_no_learning_curve_from_few_trials() -> None:
    with pytest.raises(ValueError, match="need more pictures than latents"):
        tiny_recipe(reader={"kind": "least_squares"}, evaluation={"learning_curve_s": 1.0})

"""The recipe's reader, fitted for an evaluation that knows nothing of participants and networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.windowing import TrialSpec
from tests.training.readers.problem import DIM, SFREQ, tiny_recipe, trials
from training.data.brain import BrainTrials
from training.data.division import divide
from training.evaluate.reader_reading import cross_validated_reading
from training.evaluate.reader_scores import PAIRWISE, per_trial
from training.reader_recipe import NamedSplit
from training.readers.fitting import Fitting
from training.run_folder import RunFolder

SPEC = PreprocessingSpec.design(tuple("ABCDEF"), 2 * SFREQ, (1.0, 20.0), decimation=2)
TUNED = {"epochs": 10, "learning_rate": 1e-2, "thaw": 0.0}


def _two_participants() -> tuple[BrainTrials, np.ndarray]:
    """Ada and Ben, with other brains, 80 trials each to learn from and 40 to score."""
    parts = [trials(120, seed=seed, brain=seed) for seed in (1, 2)]
    made = BrainTrials(
        np.concatenate([windows for windows, _, _ in parts]),
        SPEC,
        TrialSpec(start_s=0.0, stop_s=0.5),
        pictures=(*parts[0][2], *parts[1][2]),
        labels=("",) * 240,
        runs=("",) * 240,
        sessions=(("training",) * 80 + ("test",) * 40) * 2,
        subjects=("Ada",) * 120 + ("Ben",) * 120,
    )
    return made, np.concatenate([targets for _, targets, _ in parts])


@pytest.mark.parametrize("tuning", [None, TUNED], ids=["together", "one after the other"])
def test_only_the_participant_named_is_scored_and_by_a_reader_of_their_own(tmp_path: Path, tuning: dict | None) -> None:
    made, latents = _two_participants()
    recipe = tiny_recipe(subject="Ben", fine_tuning=tuning)
    division = divide(made, NamedSplit(), 0, "Ben")
    fitting = Fitting(recipe, made, division, RunFolder(tmp_path))
    reading = cross_validated_reading(fitting, made, latents, division.folds, 0, held_out=division.held_out)
    assert {made.subjects[number] for number in reading.trial} == {"Ben"}
    assert reading.held_out.startswith("of participant Ben: session test")
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

    made, latents = _two_participants()
    recipe = tiny_recipe(reader={"kind": "linear", "bin_times": 8})
    fitting = Fitting(recipe, made, divide(made, NamedSplit(), 0), RunFolder(tmp_path))
    reader = fitting(made.windows, latents, made.pictures, 0)
    np.testing.assert_array_equal(
        reader.read(made.windows), fit_reader(made.windows, latents.astype(np.float32), 8).read(made.windows)
    )
    assert reader.mean_target.shape == (DIM,)

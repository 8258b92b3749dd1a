"""The recipe's reader, fitted wherever an evaluation or a bundle asks for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bci_app.calibration.export import Reader
from bci_app.calibration.ridge import LinearReader, fit_reader
from training.data.brain import BrainTrials
from training.data.division import Division, Indices
from training.reader_recipe import LinearSettings, ReaderRecipe
from training.readers.deep import fit_deep
from training.readers.fine_tuning import fine_tune
from training.run_folder import RunFolder

Floats = NDArray[np.float32]


def linear_fit(settings: LinearSettings) -> Callable[[Floats, Floats, tuple[str, ...], int], LinearReader]:
    """A linear reader as `training.evaluate.reader_reading.Fit`."""
    return lambda windows, targets, pictures, seed: fit_reader(windows, targets, settings.bin_times)


@dataclass(slots=True)
class Fitting:
    """Fits what the recipe says; see `training.evaluate.reader_reading.Fit`.

    An evaluation asks for two readers of each fold, of the pairs as they are and of shuffled ones; after that it fits all
    trials.

    Parameters
    ----------
    recipe : ReaderRecipe
    trials : BrainTrials
        All of them.
    division : Division
        Its folds, in the order in which they are asked for.
    run : RunFolder
        The first fit of a network is logged in it, the others in folders inside.
    features : mapping of str to float32 array, optional
        See `training.readers.deep.fit_deep`.

    Attributes
    ----------
    fitted : list of Reader
        Everything fitted so far.
    """

    recipe: ReaderRecipe
    trials: BrainTrials
    division: Division
    run: RunFolder
    features: Mapping[str, Floats] | None = None
    fitted: list[Reader] = field(default_factory=list)

    def __call__(self, windows: Floats, targets: Floats, pictures: tuple[str, ...], seed: int) -> Reader:
        """The reader of the next training trials, for the recipe's subject."""
        settings = self.recipe.reader
        fit = linear_fit(settings) if isinstance(settings, LinearSettings) else self._deep
        self.fitted.append(fit(windows, targets, pictures, seed))
        return self.fitted[-1]

    def _deep(self, windows: Floats, targets: Floats, pictures: tuple[str, ...], seed: int) -> Reader:
        recipe, subject = self.recipe.model_copy(update={"seed": seed}), self.recipe.subject
        names = np.array(self.trials.subjects)[self._rows()]
        sfreq, number = self.trials.preprocessing.output_sfreq, len(self.fitted)
        run = self.run.inside(f"fit-{number + 1}") if number else self.run
        if recipe.fine_tuning is None or subject is None:
            return fit_deep(windows, targets, pictures, recipe, sfreq, names.tolist(), self.features, run).reader(
                subject
            )
        shown = np.array(pictures, dtype=object)
        others, own = (
            (windows[rows], targets[rows], tuple(shown[rows]), recipe) for rows in (names != subject, names == subject)
        )
        model = fit_deep(*others, sfreq, names[names != subject].tolist(), self.features, run.inside("others"))
        return fine_tune(model, *own, subject, self.features, run).reader(subject)

    def _rows(self) -> Indices:
        """Numbers of the trials that the next fit is of."""
        folds, number = self.division.folds, len(self.fitted) // 2
        return folds[number][0] if number < len(folds) else np.arange(len(self.trials))

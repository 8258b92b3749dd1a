"""The recipe's reader, fitted wherever an evaluation or a bundle asks for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_app.calibration.export import Reader
from bci_app.calibration.ridge import LinearReader, fit_reader
from training.data.brain import BrainTrials
from training.data.division import Division, Indices
from training.reader_recipe import ClosedForm, DeepSettings, LeastSquaresSettings, ReaderRecipe
from training.readers.deep import DeepModel, fit_deep
from training.readers.fine_tuning import fine_tune
from training.readers.linear import fit_least_squares
from training.readers.model_files import ModelWords, check_goes_on, check_new_pictures, read_model, save_model
from training.run_folder import RunFolder

Floats = NDArray[np.float32]
_Given = tuple[Floats, Floats, tuple[str, ...], ReaderRecipe]


def linear_fit(settings: ClosedForm) -> Callable[[Floats, Floats, tuple[str, ...], int], LinearReader]:
    """A linear reader as `training.evaluate.reader_reading.Fit`."""
    if isinstance(settings, LeastSquaresSettings):
        options = settings.model_dump(exclude={"kind"})
        return lambda windows, targets, pictures, seed: fit_least_squares(windows, targets, **options)
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
    taught : tuple of str
        Pictures that a network from before had been taught with.
    """

    recipe: ReaderRecipe
    trials: BrainTrials
    division: Division
    run: RunFolder
    features: Mapping[str, Floats] | None = None
    fitted: list[Reader] = field(default_factory=list)
    taught: tuple[str, ...] = ()

    def __call__(self, windows: Floats, targets: Floats, pictures: tuple[str, ...], seed: int) -> Reader:
        """The reader of the next training trials, for the recipe's subject."""
        settings = self.recipe.reader
        fit = linear_fit(settings) if isinstance(settings, ClosedForm) else self._deep
        self.fitted.append(fit(windows, targets, pictures, seed))
        return self.fitted[-1]

    def _deep(self, windows: Floats, targets: Floats, pictures: tuple[str, ...], seed: int) -> Reader:
        recipe, subject = self.recipe.model_copy(update={"seed": seed}), self.recipe.subject
        names = np.array(self.trials.subjects)[self._rows()]
        number = len(self.fitted)
        run = self.run.inside(f"fit-{number + 1}") if number else self.run
        if recipe.fine_tuning is None or subject is None:
            return self._on_all((windows, targets, pictures, recipe), names, run).reader(subject)
        shown = np.array(pictures, dtype=object)
        others, own = (
            (windows[rows], targets[rows], tuple(shown[rows]), recipe) for rows in (names != subject, names == subject)
        )
        if recipe.fine_tuning.model is None:
            model = self._on_all(others, names[names != subject], run.inside("others"))
        else:
            model = self._saved(Path(recipe.fine_tuning.model))
        return fine_tune(model, *own, subject, self.features, run).reader(subject)

    def _on_all(self, given: _Given, names: NDArray[np.str_], run: RunFolder) -> DeepModel:
        """A network of all participants in `names`, which is kept in the run."""
        assert isinstance(self.recipe.reader, DeepSettings)
        spec, pictures = self.trials.preprocessing, tuple(dict.fromkeys(given[2]))
        model = fit_deep(*given, spec.output_sfreq, names.tolist(), self.features, run)
        words = ModelWords(
            reader=self.recipe.reader,
            channels=spec.channels,
            sfreq=spec.output_sfreq,
            subjects=model.subjects,
            pictures=pictures,
        )
        save_model(model, words, run)
        return model

    def _saved(self, folder: Path) -> DeepModel:
        """The network to go on from, of the same reader, and taught by none of the pictures that are scored."""
        saved, spec = read_model(folder), self.trials.preprocessing
        check_goes_on(saved.words, self.recipe.reader, spec.channels, spec.output_sfreq)
        if self.recipe.split.new_pictures:
            scored = {self.trials.pictures[each] for _, test in self.division.folds for each in test}
            check_new_pictures(saved.words, scored)
        self.taught = saved.words.pictures
        return saved.model

    def _rows(self) -> Indices:
        """Numbers of the trials that the next fit is of."""
        folds, number = self.division.folds, len(self.fitted) // 2
        return folds[number][0] if number < len(folds) else np.arange(len(self.trials))

"""The recipe's reader, fitted wherever an evaluation or a bundle asks for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bci_app.calibration.export import Reader
from bci_app.calibration.ridge import fit_reader
from bci_app.contract.errors import SettingsError
from training.data.brain import BrainTrials
from training.reader_recipe import LinearSettings, ReaderRecipe
from training.readers.deep import DeepModel, fit_deep
from training.run_folder import RunFolder, writing

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SeveralReaders:
    """A model that reads trials of several participants, each with the reader of its own."""

    model: DeepModel
    subjects: Sequence[str]
    """Participant of each of the trials that will be read."""

    @property
    def mean_target(self) -> Floats:
        """Mean latent of what it was trained on, (latent_dim,)."""
        return self.model.mean_target

    def read(self, windows: Floats) -> Floats:
        """Latents (n, latent_dim) of windows (n, n_channels, n_times), one for each of `subjects`."""
        latents = np.empty((len(windows), len(self.mean_target)), np.float32)
        owner = np.array(self.subjects)
        for subject in dict.fromkeys(self.subjects):
            rows = owner == subject
            latents[rows] = self.model.reader(subject).read(windows[rows])
        return latents


@dataclass(slots=True)
class Fitting:
    """Fits what the recipe says; see `training.evaluate.reader_reading.Fit`.

    Parameters
    ----------
    recipe : ReaderRecipe
    sfreq : float
        Rate of the windows in Hz.
    run : RunFolder
        The first fit of a network is logged in it, the others in folders inside.
    features : mapping of str to float32 array, optional
        See `training.readers.deep.fit_deep`.
    train_subjects, test_subjects : sequence of str, optional
        Participant of each trial that is learnt from and read, for a network with a mixing of channels for each.

    Attributes
    ----------
    fitted : list
        Everything fitted so far.
    """

    recipe: ReaderRecipe
    sfreq: float
    run: RunFolder
    features: Mapping[str, Floats] | None = None
    train_subjects: Sequence[str] | None = None
    test_subjects: Sequence[str] | None = None
    fitted: list[Reader | DeepModel] = field(default_factory=list)

    def __call__(
        self, windows: Floats, targets: Floats, pictures: tuple[str, ...], seed: int
    ) -> Reader | SeveralReaders:
        """The reader of training trials, for the test trials."""
        settings = self.recipe.reader
        if isinstance(settings, LinearSettings):
            reader: Reader = fit_reader(windows, targets, settings.bin_times)
            self.fitted.append(reader)
            return reader
        recipe = self.recipe.model_copy(update={"seed": seed})
        given = (windows, targets, pictures, recipe, self.sfreq, self.train_subjects, self.features)
        model = fit_deep(*given, self._folder())
        self.fitted.append(model)
        if self.test_subjects is None:
            return model.reader()
        return SeveralReaders(model, self.test_subjects)

    def reader(self, number: int = 0) -> Reader:
        """A fitted reader for one participant, ``recipe.subject`` where there are several.

        Raises
        ------
        SettingsError
            If it was trained on several and the recipe names none of them.
        """
        found = self.fitted[number]
        if not isinstance(found, DeepModel):
            return found
        wanted, known = self.recipe.subject, found.subjects
        if len(known) > 1 and wanted not in known:
            raise SettingsError(
                f"A bundle is for one participant; the recipe's subject is {wanted}, the network was trained on "
                f"{', '.join(known)}. Set subject to one of them."
            )
        return found.reader(wanted)

    def own(self, trials: BrainTrials) -> BrainTrials:
        """The trials of the participant whose reader becomes the bundle."""
        if self.recipe.subject is None or self.train_subjects is None:
            return trials
        return trials.take(np.array([subject == self.recipe.subject for subject in trials.subjects]))

    def _folder(self) -> RunFolder:
        if not self.fitted:
            return self.run
        folder = self.run.path / f"fit-{len(self.fitted) + 1}"
        with writing(self.run.path):
            folder.mkdir(exist_ok=True)
        return RunFolder(folder)

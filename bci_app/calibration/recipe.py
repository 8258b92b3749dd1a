"""From a recording and the pictures shown in it to a decoder bundle, as one recipe for program and workshop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bci_app.calibration.export import write_decoder_bundle
from bci_app.calibration.latency import latency_of_peak
from bci_app.calibration.ridge import OnProgress, cross_validate, fit_noise, fit_reader, held_out_score
from bci_app.contract.bundle import Bundle
from bci_app.contract.checks import check_not_flat
from bci_app.contract.errors import SettingsError
from bci_app.contract.manifest import GeneratorManifest, Provenance
from bci_app.contract.preprocessing import PreprocessingSpec, cut_trials
from bci_app.contract.signal import Recording, Trial
from bci_app.contract.windowing import TrialSpec


class CalibrationRecipe(BaseModel):
    """How a linear reader is made from a recording.

    Parameters
    ----------
    band_hz : (low, high)
        Causal Butterworth pass band.
    notch_hz : float, optional
        Line frequency taken out.
    reference : {"average", "none"}
        Re-reference.
    decimation : int
        Keep one filtered sample in so many.
    cut : TrialSpec
        From when to when after the picture's onset.
    component_s : float, optional
        When a known component is strongest in most people, seconds after the onset, such as 0.17 for the N170. The latency of
        this participant's markers is then estimated by it from the mean of all trials, which knows no pictures, and takes
        the place of ``cut.latency_s``.
    bin_times : int
        Preprocessed samples averaged into one feature.
    n_folds : int
        Folds of the cross-validation, by picture.
    seed : int
        For controls and intervals.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    band_hz: tuple[float | None, float | None] = (1.0, 30.0)
    notch_hz: float | None = 50.0
    reference: Literal["average", "none"] = "average"
    decimation: int = Field(default=2, ge=1, le=64)
    cut: TrialSpec = TrialSpec(start_s=0.05, stop_s=0.6)
    component_s: float | None = Field(default=None, ge=0.05, le=0.6)
    bin_times: int = Field(default=4, ge=1, le=1000)
    n_folds: int = Field(default=5, ge=2, le=50)
    seed: int = Field(default=0, ge=0)

    def preprocessing(self, channels: tuple[str, ...], sfreq: float) -> PreprocessingSpec:
        """What happens to the signal of these channels at this rate."""
        return PreprocessingSpec.design(channels, sfreq, self.band_hz, self.notch_hz, self.reference, self.decimation)


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationData:
    """Trials ready to fit: windows (n, n_channels, n_times), targets (n, latent_dim), the picture id of each; how cut."""

    windows: NDArray[np.float32]
    targets: NDArray[np.float32]
    pictures: tuple[str, ...]
    preprocessing: PreprocessingSpec
    cut: TrialSpec


def gather(
    recording: Recording, latents: Mapping[str, NDArray[np.float32]], recipe: CalibrationRecipe
) -> CalibrationData:
    """Cut the trials whose picture is known.

    Parameters
    ----------
    recording : Recording
        Its markers are labelled by picture id, with or without ``shown/`` before it.
    latents : mapping of str to float32 array (latent_dim,)
        Latent of each picture, by id.
    recipe : CalibrationRecipe
        How to cut.

    Raises
    ------
    SettingsError
        If no marker names a known picture, or too few trials are left.
    SignalError
        If a channel is flat all along, or holds NaN.
    """
    check_not_flat(recording.data, recording.channels, f"The recording '{recording.name}'")
    spec = recipe.preprocessing(recording.channels, recording.sfreq)
    cut = recipe.cut
    if recipe.component_s is not None:
        cut = cut.model_copy(update={"latency_s": _latency_s(recording, spec, recipe.component_s)})
    trials, dropped = cut_trials(recording, spec, cut)
    known = [trial for trial in trials if _picture_id(trial) in latents]
    if len(known) < 2 * recipe.n_folds:
        raise SettingsError(
            f"Calibration needs at least {2 * recipe.n_folds} trials whose picture is known; recording "
            f"'{recording.name}' has {len(recording.markers)} markers, {len(dropped)} without a complete trial, and "
            f"{len(known)} trials of known pictures. Check the marker labels and the picture list, or show more pictures."
        )
    ids = tuple(_picture_id(trial) for trial in known)
    return CalibrationData(
        np.stack([trial.window.data for trial in known]),
        np.stack([latents[each] for each in ids]).astype(np.float32),
        ids,
        spec,
        cut,
    )


def _latency_s(recording: Recording, spec: PreprocessingSpec, component_s: float) -> float:
    """How much later than its marker the mean response of this recording has the component, seconds."""
    whole = TrialSpec(start_s=0.0, stop_s=0.65)
    trials, _ = cut_trials(recording, spec, whole)
    windows = np.array([trial.window.data for trial in trials], np.float32)
    return latency_of_peak(windows, whole, spec.output_sfreq, component_s).latency_s


def calibrate(
    folder: Path | str,
    data: CalibrationData,
    recipe: CalibrationRecipe,
    *,
    name: str,
    generator: GeneratorManifest,
    provenance: Provenance,
    another_session: CalibrationData | None = None,
    on_progress: OnProgress | None = None,
) -> Bundle:
    """Cross-validate, fit on all trials, and write the decoder bundle with its figures.

    Parameters
    ----------
    folder : path
        Where the bundle shall stand.
    data : CalibrationData
        Trials to learn from.
    recipe : CalibrationRecipe
        The one the trials were cut with.
    name : str
        Of the bundle.
    generator : GeneratorManifest
        Whose latents the targets are.
    provenance : Provenance
        Kept in the manifest.
    another_session : CalibrationData, optional
        Trials of another session, with other pictures: a second figure.
    on_progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    Bundle
        Its first metric is the cross-validated identification beside chance, noise input and shuffled pairing.
    """
    tell = on_progress or (lambda done, total, text: None)
    steps = recipe.n_folds + 2
    scores = [
        cross_validate(
            data.windows,
            data.targets,
            data.pictures,
            recipe.n_folds,
            recipe.seed,
            lambda done, _, text: tell(done, steps, text),
            recipe.bin_times,
        )
    ]
    if another_session is not None:
        train, test = ((each.windows, each.targets) for each in (data, another_session))
        what = "a session of its own, no picture of which was trained on"
        scores.append(held_out_score(train, test, what, recipe.seed, recipe.bin_times))
    tell(recipe.n_folds, steps, "fitting the reader on all trials")
    reader = fit_reader(data.windows, data.targets, recipe.bin_times)
    noise = fit_noise(data.windows)
    tell(recipe.n_folds + 1, steps, "writing and verifying the bundle")
    bundle = write_decoder_bundle(
        folder,
        reader,
        noise,
        name=name,
        preprocessing=data.preprocessing,
        cut=data.cut,
        generator=generator,
        provenance=provenance,
        metrics=scores,
        trained_on=tuple(dict.fromkeys(data.pictures)),
    )
    tell(steps, steps, "decoder ready")
    return bundle


def _picture_id(trial: Trial) -> str:
    return trial.marker.label.removeprefix("shown/")

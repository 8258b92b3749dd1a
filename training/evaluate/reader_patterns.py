"""Where on the head a linear reader reads from: its spatial pattern, which its weights do not show.

A weight may serve to cancel noise; the pattern says how the signal at a channel moves with what is read.

Source: Haufe et al., NeuroImage 87 (2014) 96-110, equation 6.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bci_app.calibration.ridge import LinearReader
from bci_app.contract.errors import SettingsError
from bci_app.contract.windowing import TrialSpec
from training.data.brain import BrainTrials
from training.evaluate.page import INK, figure, svg
from training.evaluate.reader_components import Components
from training.evaluate.reader_reading import Floats
from training.evaluate.reader_scores import Doubles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MONTAGE = "colin27_1005"
"""Of MNE, where it was standard_1005 before; the caps whose channels have names of the ten-twenty system are part of it."""
_FEWEST = 4
"""Channels with a known place below which no map can be drawn."""
_MANY = 16
"""Channels below which each is a dot: between four electrodes there is nothing to interpolate."""
_SIZES = {"uV": "µV", "count": "spikes", "au": "scanner units"}


@dataclass(frozen=True, slots=True, eq=False)
class Topography:
    """Strength of the pattern at each channel, in parts of the trial.

    Attributes
    ----------
    channels : tuple of str
    strength : float64 array (n_parts, n_channels)
        Root mean square of the pattern over latents and the samples of the part, less what chance alone would give.
    parts_s : tuple of (start, stop)
        The parts, in seconds after the onset (after the window's start, where there is no onset).
    unit : str
        Of the strength.
    """

    channels: tuple[str, ...]
    strength: Doubles
    parts_s: tuple[tuple[float, float], ...]
    unit: str


def patterns(weights: Floats, windows: Floats) -> tuple[Doubles, Doubles]:
    """How the signal moves with each latent that is read.

    Parameters
    ----------
    weights : float32 array (n_channels, n_times, dim)
        Of a `LinearReader`.
    windows : float32 array (n, n_channels, n_times)
        Its training trials.

    Returns
    -------
    pattern, accident : float64 array (n_channels, n_times, dim)
        A = Cov(x) W Cov(s)^-1 with s = W' x, in the unit of the windows per standard deviation of each s; and the
        variance that so many trials give each number of it by accident. Where two latents are read as the same, the
        smallest pattern that will do.
    """
    x = (windows - windows.mean(axis=0)).reshape(len(windows), -1).astype(np.float64)
    read = x @ weights.reshape(x.shape[1], -1)
    # Cov(x) W Cov(s)^-1 = X' S (S' S)^-1: the regression of the signal on what is read
    found = np.linalg.lstsq(read, x, rcond=1e-6)[0]
    spread, left = read.std(axis=0), max(len(x) - read.shape[1] - 1, 1)
    noise = ((x - read @ found) ** 2).sum(axis=0) / left
    accident = noise[:, np.newaxis] * np.diagonal(np.linalg.pinv(read.T @ read, rcond=1e-12)) * spread**2
    return (found.T * spread).reshape(weights.shape), accident.reshape(weights.shape)


def topography(
    reader: LinearReader, trials: BrainTrials, components: Components | None = None, n_parts: int = 4
) -> Topography:
    """The strength of a reader's pattern at each channel in equal parts of the trial.

    Parameters
    ----------
    reader : LinearReader
    trials : BrainTrials
        Those it was trained on.
    components : Components, optional
        How well each latent is read from trials not trained on: latents then count by the square of the lower end of
        their correlation, those not surely read for nothing, because what is read of them moves with the noise and the
        map would show where that is strong. All count alike by default, or if none is read.
    n_parts : int
        Parts of the trial, at most one per sample.

    Raises
    ------
    SettingsError
        If the reader was made for other trials, or has another number of latents than there are components.
    """
    n_channels, n_times, dim = reader.weights.shape
    if (n_channels, n_times) != trials.windows.shape[1:]:
        raise SettingsError(
            f"The reader's weights are {reader.weights.shape[:2]} (channels, samples), the trials of '{trials.name}' "
            f"{trials.windows.shape[1:]}. Give the trials it was trained on."
        )
    say = np.ones(dim) if components is None else np.maximum(components.low, 0.0) ** 2
    if len(say) != dim:
        raise SettingsError(f"The reader has {dim} latents; components were given for {len(say)}. Give its own.")
    say = say / say.sum() if say.any() else np.full(dim, 1 / dim)
    found, accident = patterns(reader.weights, trials.windows)
    power, sfreq = (found**2 - accident) @ say, trials.preprocessing.output_sfreq
    edges = np.linspace(0, n_times, min(n_parts, n_times) + 1).round().astype(int)
    spans = list(itertools.pairwise(edges))
    start_s = trials.cut.start_s if isinstance(trials.cut, TrialSpec) else 0.0
    return Topography(
        channels=trials.preprocessing.channels,
        strength=np.stack([np.sqrt(np.maximum(power[:, start:stop].mean(axis=1), 0.0)) for start, stop in spans]),
        parts_s=tuple((start_s + start / sfreq, start_s + stop / sfreq) for start, stop in spans),
        unit=f"{_SIZES[trials.preprocessing.unit]} per standard deviation of what is read",
    )


def topography_svg(topography: Topography) -> tuple[str, str]:
    """Maps of the head, one for each part of the trial, and a note.

    Returns
    -------
    svg, note : str
        An empty drawing if too few channels have a known place; the note then says so. It names the channels that were
        left out of a drawing.
    """
    info = placed(topography.channels)
    rows = [row for row, each in enumerate(info["chs"]) if np.isfinite(each["loc"][:3]).all()]
    missing = [channel for row, channel in enumerate(topography.channels) if row not in rows]
    named = ", ".join(missing[:8]) + (" and others" if len(missing) > 8 else "")
    if len(rows) < _FEWEST:
        return "", (
            f"No map of the head: it needs {_FEWEST} channels with a known place, and {len(rows)} of {len(info['chs'])} "
            f"have a name of the ten-twenty system (not: {named})."
        )
    return _drawn(topography, info, rows), f"Not drawn, for want of a known place: {named}." if missing else ""


def placed(channels: Sequence[str]) -> Any:
    """An `mne.Info` of these channels with their places by name; a channel without a known place has NaN there.

    Case does not matter, and the old names of the temples (T3 for T7) are known.
    """
    import mne

    names = [channel.strip(" .").upper() for channel in channels]
    names = [name if names.count(name) == 1 else f"{name} {number}" for number, name in enumerate(names)]
    info = mne.create_info(names, 100.0, "eeg")
    montage = mne.channels.make_standard_montage(_MONTAGE)
    info.set_montage(montage, match_case=False, match_alias=True, on_missing="ignore")
    return info


def _drawn(topography: Topography, info: Any, rows: list[int]) -> str:
    import mne

    n_parts, drawn = len(topography.strength), mne.pick_info(info, rows)
    drawing = figure(min(2.5 * n_parts + 0.8, 10.4), 2.7)
    axes = drawing.subplots(1, n_parts, squeeze=False)[0]
    top = float(topography.strength[:, rows].max()) or 1.0
    for each, strength, (start, stop) in zip(axes, topography.strength, topography.parts_s, strict=True):
        image, _ = mne.viz.plot_topomap(
            strength[rows], drawn, axes=each, show=False, cmap="viridis", vlim=(0, top), contours=0, sensors="k."
        )
        if len(rows) < _MANY:
            _as_dots(each, strength[rows], image)
        each.set_title(f"{1000 * start:.0f} to {1000 * stop:.0f} ms", fontsize=9)
    bar = drawing.colorbar(image, ax=list(axes), shrink=0.8)
    bar.ax.tick_params(labelsize=8)
    bar.set_label(topography.unit.replace(" per ", "\nper "), fontsize=8)
    return svg(drawing)


def _as_dots(axes: Axes, strength: Doubles, image: Any) -> None:
    """Put dots in the colours of `strength` where the sensors are, in place of the map."""
    sensors = next(line for line in axes.lines if line.get_marker() == ".")
    image.set_visible(False)
    sensors.set_visible(False)
    axes.scatter(*sensors.get_data(), s=140, c=strength, cmap=image.get_cmap(), norm=image.norm, edgecolors=INK)

"""From responses to scores: noise of a simulated response, repeats averaged, each score joined to its picture by id."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bci_app.contract.checks import check_shape, listed
from bci_app.contract.errors import SettingsError, SignalError

Floats = NDArray[np.floating]
Scores = NDArray[np.float64]


class Noise(BaseModel):
    """Settings of the noise of a response; every random number is drawn from the generator that is passed in."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: str

    def add(self, responses: Floats, rng: np.random.Generator) -> Scores:
        """One noisy presentation of `responses`, of any shape; SignalError if they are not finite."""
        clean = np.asarray(responses, np.float64)
        if not np.isfinite(clean).all():
            raise SignalError("Responses must be finite numbers before noise comes on them; some are NaN or infinite.")
        return self._add(clean, rng)

    @abstractmethod
    def _add(self, clean: Scores, rng: np.random.Generator) -> Scores:
        """See `add`."""


class NoNoise(Noise):
    """Responses as they are."""

    kind: Literal["none"] = "none"

    def _add(self, clean: Scores, rng: np.random.Generator) -> Scores:
        return clean.copy()


class PoissonNoise(Noise):
    """Spike counts: response x scale, Poisson, / scale.

    Attributes
    ----------
    scale : float
        Spikes per unit of response; 20 / (largest response) gives 20 spikes at most, as in the source.
    negative : {"refuse", "clip"}
        A rate below zero cannot be meant: an error, or, if it is asked for, no spikes.

    Source: Xiao & Kreiman, PLoS Computational Biology 16 (2020) e1007973, and its published code.
    """

    kind: Literal["poisson"] = "poisson"
    scale: float = Field(default=1.0, gt=0)
    negative: Literal["refuse", "clip"] = "refuse"

    def _add(self, clean: Scores, rng: np.random.Generator) -> Scores:
        below = int(np.count_nonzero(clean < 0))
        if below and self.negative == "refuse":
            raise SignalError(
                f"A firing rate must not be negative; {below} of {clean.size} responses are, the lowest {clean.min():.3g}. "
                "Choose a unit behind a rectifier, another noise, or negative: clip, which takes them as no spikes."
            )
        return np.asarray(rng.poisson(np.maximum(clean, 0) * self.scale) / self.scale)


class GaussianNoise(Noise):
    """response + sd x N(0, 1), `sd` in the response's own unit."""

    kind: Literal["gaussian"] = "gaussian"
    sd: float = Field(default=1.0, ge=0)

    def _add(self, clean: Scores, rng: np.random.Generator) -> Scores:
        return clean + self.sd * rng.standard_normal(clean.shape)


class MultiplicativeNoise(Noise):
    """response x max(0, 1 + level x N(0, 1)).

    Source: Wang & Ponce, GECCO 2022, section 3.
    """

    kind: Literal["multiplicative"] = "multiplicative"
    level: float = Field(default=0.2, ge=0)

    def _add(self, clean: Scores, rng: np.random.Generator) -> Scores:
        return clean * np.maximum(0.0, 1.0 + self.level * rng.standard_normal(clean.shape))


AnyNoise = Annotated[NoNoise | PoissonNoise | GaussianNoise | MultiplicativeNoise, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """Scores of pictures, in the order of the pictures.

    Attributes
    ----------
    scores : float64 array (n,)
        Mean over the responses that came, NaN where none did.
    n_came : int64 array (n,)
        How many came.
    """

    scores: Scores
    n_came: NDArray[np.int64]


def average(repeats: Floats) -> Joined:
    """Means over repeats (n_repeats, n); those that are NaN are left out.

    Raises
    ------
    SignalError
        If a response is infinite, or the array has another shape.
    """
    responses = np.asarray(repeats, np.float64)
    check_shape(responses, (None, None), "Repeats of responses")
    _refuse_infinite(responses)
    came = ~np.isnan(responses)
    count = came.sum(axis=0)
    total = np.where(came, responses, 0.0).sum(axis=0)
    return Joined(np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0), count)


def present(responses: Floats, noise: Noise, n_repeats: int, rng: np.random.Generator) -> Joined:
    """Scores of `responses` (n,) shown `n_repeats` times each, every time with noise of its own."""
    if n_repeats < 1:
        raise SettingsError(f"A picture is shown at least once; got {n_repeats} repeats.")
    clean = np.asarray(responses, np.float64)
    check_shape(clean, (None,), "Responses")
    return average(noise.add(np.broadcast_to(clean, (n_repeats, len(clean))), rng))


def join(ids: Sequence[str], responses: Iterable[tuple[str, float]]) -> Joined:
    """Scores of the pictures `ids`, from responses that name theirs and come in any order, any number of times.

    Parameters
    ----------
    ids : sequence of str
        Each once.
    responses : iterable of (id, response)
        One that is NaN, such as that of a rejected trial, counts as none.

    Raises
    ------
    SignalError
        If a response is to a picture that was not shown, or is infinite, or an id stands twice.
    """
    doubled = [name for name, count in Counter(ids).items() if count > 1]
    if doubled:
        raise SignalError(f"Each picture must have an id of its own; these stand twice: {listed(doubled)}.")
    place = {name: number for number, name in enumerate(ids)}
    given = list(responses)
    unknown = sorted({name for name, _ in given if name not in place})
    if unknown:
        raise SignalError(
            f"A response must be to one of the {len(place)} pictures that were shown; {listed(unknown)} "
            f"{'are' if len(unknown) > 1 else 'is'} none of them. Check that markers and pictures are those of one session."
        )
    values = np.array([value for _, value in given], np.float64)
    _refuse_infinite(values)
    where = np.array([place[name] for name, _ in given], np.intp)
    came = ~np.isnan(values)
    count = np.bincount(where[came], minlength=len(place))
    total = np.bincount(where[came], weights=values[came], minlength=len(place))
    return Joined(np.divide(total, count, out=np.full(len(place), np.nan), where=count > 0), count)


def _refuse_infinite(values: Scores) -> None:
    if np.isinf(values).any():
        raise SignalError("A response must be finite, or NaN where none came; one is infinite. Check what measures it.")


def amplitude(window: Floats, rows: Sequence[int], samples: tuple[int, int]) -> float:
    """Mean of a window (n_channels, n_times) over the chosen channels and samples, in the window's unit.

    Parameters
    ----------
    window : array (n_channels, n_times)
    rows : sequence of int
        Numbers of the channels.
    samples : (first, end)
        The latencies, as sample numbers, without `end`.

    Raises
    ------
    SettingsError
        If channels or samples are not in the window.
    """
    check_shape(window, (None, None), "A window whose amplitude is wanted")
    (n_channels, n_times), (first, end) = window.shape, samples
    if not (rows and all(0 <= row < n_channels for row in rows) and 0 <= first < end <= n_times):
        raise SettingsError(
            f"The amplitude needs channels from 0 to {n_channels - 1} and samples from 0 to {n_times}; got channels "
            f"{list(rows)} and samples {first} to {end}. Choose channels and latencies inside the trial."
        )
    return float(np.asarray(window, np.float64)[list(rows), first:end].mean())


def firing_rate(counts: Floats, seconds: float) -> float:
    """Spikes per second of one neuron, from its counts in bins (n_bins,) that last `seconds` together."""
    if not seconds > 0:
        raise SettingsError(f"A firing rate needs a time above 0 s; got {seconds:g} s.")
    return float(np.sum(counts, dtype=np.float64) / seconds)


def similarity(latent: Floats, target: Floats, mean: Floats) -> float:
    """Cosine of the angle between two latents (latent_dim,), seen from the `mean` of all; 0 if one lies there."""
    one, other = (np.asarray(each, np.float64) - mean for each in (latent, target))
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other / lengths) if lengths > 0 else 0.0

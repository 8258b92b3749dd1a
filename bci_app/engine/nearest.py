"""Which known pictures a reading lies nearest to, and where the picture that was shown ranks among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import PictureError
from bci_app.contract.identification import correlations
from bci_app.pictures.picture import Picture
from bci_app.pictures.shown import read_shown

N_NEAREST = 3
_MOST_OF_CALIBRATION = 120

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class Neighbour:
    """A known picture, its correlation with the reading, and whether it is the very one that was shown."""

    picture: Picture
    fit: float
    shown: bool


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """The known pictures nearest to one reading, nearest first.

    Attributes
    ----------
    neighbours : tuple of Neighbour
        At most three. The picture that was shown may be among them, and is marked then.
    n_known : int
        Pictures that were compared, the one shown included.
    rank : float or None
        Of the picture shown among them: 1 fits best, equal ones share the mean of their ranks. None if it is not known.
    noise_rank : float or None
        The same of what the decoder reads from matched noise.
    """

    neighbours: tuple[Neighbour, ...]
    n_known: int
    rank: float | None = None
    noise_rank: float | None = None

    @property
    def chance_rank(self) -> float:
        """The rank that guessing gives on average."""
        return (self.n_known + 1) / 2


def calibration_pictures(decoder: Path, trained_on: Sequence[str], size: int) -> tuple[Picture, ...]:
    """Pictures that a decoder was made with, as far as they lie beside its folder in that of its calibration; at most 120.

    Parameters
    ----------
    decoder : Path
        Folder of the bundle.
    trained_on : sequence of str
        Their ids, as its manifest lists them.
    size : int
        Side of the pictures in pixels.
    """
    if not trained_on or not (decoder.parent / "trials.jsonl").is_file():
        return ()
    try:
        return tuple(read_shown(decoder.parent, trained_on[:_MOST_OF_CALIBRATION], size).values())
    except (PictureError, OSError):  # they are an addition: a folder that has lost them is none the worse
        return ()


class KnownPictures:
    """Pictures with their latents, each once; used by one thread.

    Correlations are those of the identification, with the mean training latent subtracted (`correlations`).
    """

    def __init__(self) -> None:
        self._pictures: dict[str, Picture] = {}
        self._latents: list[Floats] = []

    def __len__(self) -> int:
        return len(self._pictures)

    def add(self, picture: Picture, latent: Floats) -> None:
        """Know `picture` from now on, with its latent (latent_dim,); a picture that is known already stays as it is."""
        if picture.id not in self._pictures:
            self._pictures[picture.id] = picture
            self._latents.append(latent)

    def nearest(
        self, read: Floats, centre: Floats, shown: Picture | None = None, noise: Floats | None = None
    ) -> Nearest | None:
        """The three known pictures nearest to a reading.

        Parameters
        ----------
        read : float array (latent_dim,)
            The reading.
        centre : float array (latent_dim,)
            Mean training latent.
        shown : Picture, optional
            What was on screen, if that is known.
        noise : float array (latent_dim,), optional
            What the same decoder reads from matched noise.

        Returns
        -------
        Nearest or None
            None as long as no picture is known.
        """
        if not self._pictures:
            return None
        pictures, latents = list(self._pictures.values()), np.stack(self._latents)
        fit = correlations(read[np.newaxis], latents, centre)[0]
        order = np.argsort(-fit, kind="stable")[:N_NEAREST]
        own = pictures.index(shown) if shown is not None and shown.id in self._pictures else None
        of_noise = None if noise is None else correlations(noise[np.newaxis], latents, centre)[0]
        return Nearest(
            tuple(Neighbour(pictures[i], float(fit[i]), int(i) == own) for i in order),
            len(pictures),
            None if own is None else _rank(fit, own),
            None if own is None or of_noise is None else _rank(of_noise, own),
        )


def _rank(fit: NDArray[np.float64], own: int) -> float:
    """Rank of one among all, from 1; equal ones share the mean of theirs."""
    return float((fit > fit[own]).sum() + ((fit == fit[own]).sum() + 1) / 2)

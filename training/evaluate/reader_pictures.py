"""Shown beside read: what a generator makes of readings and of their controls, to look at and to score by pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from bci_app.contract.errors import SettingsError
from training.evaluate.batches import Generate, Images, batched
from training.evaluate.reader_reading import Floats, Indices, Reading, scaled
from training.evaluate.reader_scores import PAIRWISE, PROFILE, Finding, per_trial, score

SIDE = 16
"""Pictures are averaged to this side before they are compared pixel by pixel."""
_LARGEST = 96
"""Side of the pictures on the page."""
_N_MARKED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One test trial: why it is shown, how well it was identified, and a picture for each row."""

    why: str
    trial: int
    picture: str
    identified: float
    cells: tuple[Images, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ShownBesideRead:
    """Pictures by trial: those drawn at random, and the best, median and worst of all."""

    rows: tuple[str, ...]
    random: tuple[Column, ...]
    marked: tuple[Column, ...]
    n: int
    """Trials that the choice was made among."""


def beside(
    readings: Mapping[str, tuple[Reading, Generate]],
    images: Mapping[str, Images],
    n_random: int = 10,
    seed: int = 0,
    use_spread: bool = False,
) -> ShownBesideRead:
    """Pictures of some test trials, chosen at random and by rank.

    Parameters
    ----------
    readings : mapping of str to (Reading, callable)
        Name of each generator, the readings in its latent space, and latents (n, dim) -> pictures uint8 (n, h, w, c). All
        are of the same trials; the first ranks them, by pairwise identification.
    images : mapping of str to uint8 array (h, w, c)
        Pictures shown, by id; trials of others are left out.
    n_random : int
        How many trials to draw at random.
    seed : int
        Draws them.
    use_spread : bool
        Rank by identification with components divided by their training spread.

    Returns
    -------
    ShownBesideRead
        Rows: the picture shown; and for each generator what it makes of the shown latent, of the reading, of the reading
        of noise, and of the reading of the reader trained on shuffled pairs.

    Raises
    ------
    SettingsError
        If no picture is at hand, or the readings are not of the same trials.
    """
    first = next(iter(readings.values()))[0]
    if any(not np.array_equal(first.trial, reading.trial) for reading, _ in readings.values()):
        raise SettingsError(
            "Generators are compared on the same trials; their readings are of different ones. Read again."
        )
    known = _known(first, images)
    identified = per_trial(PAIRWISE, scaled(first) if use_spread else first)
    drawn = np.sort(np.random.default_rng(seed).permutation(known)[:n_random])
    order = known[np.argsort(-identified[known], kind="stable")]
    middle = max((len(order) - _N_MARKED) // 2, 0)
    marked = {
        "best": order[:_N_MARKED],
        "median": order[middle : middle + _N_MARKED],
        "worst": order[-_N_MARKED:],
    }
    rows = ["shown"] + [row.format(name) for name in readings for row in _ROWS]
    chosen = [("at random", each) for each in drawn] + [(why, each) for why, some in marked.items() for each in some]
    columns = [
        Column(why, int(first.trial[each]), first.pictures[each], float(identified[each]), cells)
        for (why, each), cells in zip(chosen, _cells(readings, images, [each for _, each in chosen]), strict=True)
    ]
    return ShownBesideRead(tuple(rows), tuple(columns[: len(drawn)]), tuple(columns[len(drawn) :]), len(known))


_ROWS = (
    "{}: drawn from the shown picture's latent, the most it can show",
    "{}: read",
    "{}: read from noise",
    "{}: read by the reader trained on shuffled pairs",
)


def picture_scores(
    reading: Reading, generate: Generate, images: Mapping[str, Images], name: str = "generator", seed: int = 0
) -> tuple[Finding, ...]:
    """How well the pictures drawn from readings show the pictures that were shown, by pixels.

    Parameters
    ----------
    reading : Reading
        Of latents; trials whose picture is not at hand are left out.
    generate : callable
        Latents (n, dim) -> pictures uint8 (n, h, w, c).
    images : mapping of str to uint8 array (h, w, c)
        Pictures by id. Their mean, without those tested on in the fold, is taken out of both sides.
    name : str
        Of the generator, for the names of the scores.
    seed : int
        For intervals and deals.

    Returns
    -------
    tuple of Finding
        Pixel correlation and pairwise identification by pixels; the names tell what the generator reaches from the latents
        of the shown pictures, which is the most that a reader can reach with it.

    Raises
    ------
    SettingsError
        If no picture is at hand, or none beside those of a fold's test trials.
    """
    kept = reading.take(_known(reading, images))
    drawn = _as_pixels(kept, generate, images)
    ceiling = replace(drawn, real=_pixels(batched(generate)(kept.target)))
    found = []
    for measure, what in ((PROFILE, "pixel correlation"), (PAIRWISE, "pairwise identification by pixels")):
        most = per_trial(measure, ceiling).mean()
        found.append(score(replace(measure, name=f"{what} ({name}; {most:.3f} from the shown latents)"), drawn, seed))
    return tuple(found)


def _as_pixels(reading: Reading, generate: Generate, images: Mapping[str, Images]) -> Reading:
    """The same readings as pixels (n, SIDE * SIDE * 3) of the pictures drawn from them, the target being those shown."""
    draw, shown = batched(generate), {key: _pixels([image])[0] for key, image in images.items()}
    read = {key: _pixels(draw(getattr(reading, key))) for key in ("real", "noise", "shuffled")}
    target = np.stack([shown[each] for each in reading.pictures])
    centre, spread = np.empty_like(target), np.empty_like(target)
    for fold in np.unique(reading.fold):
        rows = np.flatnonzero(reading.fold == fold)
        tested = {reading.pictures[row] for row in rows}
        others = [pixels for key, pixels in shown.items() if key not in tested]
        if len(others) < 2:
            raise SettingsError(
                "Scores by pixels take out the mean picture of training; no picture but those of the test trials is at "
                "hand. Give the training pictures too, or leave these scores out."
            )
        centre[rows], spread[rows] = np.mean(others, axis=0), np.std(others, axis=0)
    return replace(reading, target=target, centre=centre, spread=spread, **read)  # type: ignore[arg-type]


def _cells(
    readings: Mapping[str, tuple[Reading, Generate]], images: Mapping[str, Images], chosen: list[int]
) -> list[tuple[Images, ...]]:
    """The pictures of each column, from the top."""
    rows = np.array(chosen, np.intp)
    first = next(iter(readings.values()))[0]
    lines: list[list[Images]] = [[_small(images[first.pictures[row]]) for row in rows]]
    for reading, generate in readings.values():
        draw = batched(generate)
        lines += [[_small(each) for each in draw(getattr(reading, key)[rows])] for key in _DRAWN]
    return list(zip(*lines, strict=True))


_DRAWN = ("target", "real", "noise", "shuffled")


def _known(reading: Reading, images: Mapping[str, Images]) -> Indices:
    known = np.flatnonzero([picture in images for picture in reading.pictures])
    if not len(known):
        raise SettingsError(
            "Pictures are drawn beside the ones that were shown; none of those of the test trials is at hand. "
            "Give the pictures, or leave this part out."
        )
    return known


def _small(image: Images) -> Images:
    """A picture for the page: no larger than `_LARGEST`."""
    if max(image.shape[:2]) <= _LARGEST:
        return image
    scale = _LARGEST / max(image.shape[:2])
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    made = np.asarray(Image.fromarray(image.squeeze()).resize(size, Image.Resampling.BOX))
    return made.reshape(size[1], size[0], -1)


def _pixels(images: Images | list[Images]) -> Floats:
    """Pixels (n, SIDE * SIDE * 3) of pictures (h, w, 1 or 3) of any size."""
    coloured = (np.broadcast_to(image, (*image.shape[:2], 3)) for image in images)
    made = [Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BOX) for image in coloured]
    return np.stack([np.asarray(each, np.float32).ravel() for each in made])

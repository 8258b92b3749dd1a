"""Which photograph was shown, from the spike counts of neurons in macaque V4.

Source of the data: Cowley, Stan, Pillow & Smith (2023), Compact deep neural network models of visual cortex.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bci_app.calibration.penalised import fit_penalised
from bci_app.calibration.ridge import LinearReader, OnProgress
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import resize
from models.classifier import Classifier
from training.data.brain import BrainTrials
from training.data.spikes import read_photographs
from training.evaluate.batches import Generate
from training.evaluate.reader_pictures import ShownBesideRead, beside
from training.evaluate.reader_reading import Fit, Floats, Fold, Reading, cross_validated_reading, scaled
from training.evaluate.reader_report import ReaderReport
from training.evaluate.reader_scores import PAIRWISE, Finding, identification_scores, per_trial, score
from training.evaluate.real.result import RealResult, find_files, mean_finding
from training.readers.inversion import Bank, InversionReader, fit_inversion
from training.readers.picture_features import Images, PictureFeatures, picture_features

AT_LEAST, AIM = 0.86, 0.90
N_COMPONENTS, SIDE = 30, 32
N_SPLITS, TEST_SHARE = 3, 0.2
PENALTIES = np.logspace(0, 5, 11)
WHAT = (
    f"{N_COMPONENTS} principal components of the photographs at {SIDE} x {SIDE} pixels, found on training photographs; "
    f"{N_SPLITS} random splits by photograph, a fifth held out; pairwise identification over all pairs by Pearson correlation "
    "across components, each less its training mean and divided by its training standard deviation; mean of the sessions"
)
READER = (
    "the mean of a ridge regression and of the latents of natural pictures, weighed by how well an encoding model (energies "
    "and a classifier's maps to each neuron) says that each of them would have driven the neurons as the photograph did"
)
OTHERS = (
    "The reader has also been given natural pictures of another collection, and a classifier of CIFAR-10; the plain "
    "baseline has not."
)


@dataclass(slots=True)
class NaturalPictures:
    """Natural pictures that no session shows, and what an encoding model sees of them and of their mirror images.

    Parameters
    ----------
    images : uint8 array (n, height, width, 3)
    classifier : Classifier, optional
        See `picture_features`.
    """

    images: Images
    classifier: Classifier | None = None

    def __post_init__(self) -> None:
        self.images = np.concatenate([self.images, self.images[:, :, ::-1]])

    def features(self, on_progress: OnProgress | None = None) -> PictureFeatures:
        """Of all of them; takes minutes for thousands."""
        parts, step = [], 500
        for start in range(0, len(self.images), step):
            if on_progress is not None:
                on_progress(start, len(self.images), "looking at natural pictures")
            parts.append(picture_features(self.images[start : start + step], self.classifier))
        blocks = zip(*(part.blocks for part in parts), strict=True)
        return PictureFeatures(tuple(np.concatenate(block) for block in blocks))


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Principal components of pictures at `SIDE` pixels, found on training pictures.

    `mean` (n_pixels,) and `axes` (N_COMPONENTS, n_pixels), pixels from 0 to 1.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]

    @classmethod
    def of(cls, images: Images) -> Components:
        """Those of pictures uint8 (n, h, w, 3)."""
        from sklearn.decomposition import PCA

        found = PCA(N_COMPONENTS, random_state=0).fit(pixels(images))
        return cls(found.mean_, found.components_)

    def encode(self, images: Images) -> Floats:
        """Components (n, N_COMPONENTS) of pictures."""
        return ((pixels(images) - self.mean) @ self.axes.T).astype(np.float32)

    def draw(self, latents: Floats) -> Images:
        """Pictures uint8 (n, SIDE, SIDE, 3)."""
        drawn = (latents @ self.axes + self.mean).reshape(-1, SIDE, SIDE, 3)
        return np.asarray(np.clip(255 * drawn, 0, 255), np.uint8)


def pixels(images: Images) -> NDArray[np.float64]:
    """Pixels (n, SIDE * SIDE * 3) from 0 to 1 of pictures reduced to `SIDE`."""
    small = [
        np.asarray(Image.fromarray(np.ascontiguousarray(each)).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        for each in images
    ]
    return np.stack(small).reshape(len(images), -1) / 255.0


class Session:
    """One session: trials, photographs, and the splits of the protocol."""

    def __init__(self, images: Path, responses: Path) -> None:
        self.trials = read_photographs(images, responses)
        self.images = np.stack([resize(self.trials.images[each], 64) for each in self.trials.pictures])
        self.pixels = np.stack([self.trials.images[each] for each in self.trials.pictures])

    @property
    def name(self) -> str:
        """Its date."""
        return self.trials.sessions[0]

    @cached_property
    def folds(self) -> list[Fold]:
        """Splits by photograph."""
        own, known = np.array(self.trials.pictures), np.unique(self.trials.pictures)
        folds = []
        for seed in range(N_SPLITS):
            order = np.random.default_rng(seed).permutation(known)
            train = np.isin(own, order[: int((1 - TEST_SHARE) * len(order))])
            folds.append((np.flatnonzero(train), np.flatnonzero(~train)))
        return folds


def plain_fit(windows: Floats, targets: Floats, pictures: tuple[str, ...], seed: int) -> LinearReader:
    """Ridge with a penalty for each component, of standardised counts: the baseline."""
    counts = windows.reshape(len(windows), -1).astype(np.float64)
    mean, spread = counts.mean(axis=0), counts.std(axis=0) + 1e-6
    ridge = fit_penalised((counts - mean) / spread, targets.astype(np.float64), PENALTIES)
    weights = ridge.coefficients / spread[:, np.newaxis]
    arrays = (weights[:, np.newaxis], ridge.intercept - mean @ weights, targets.mean(axis=0))
    return LinearReader(*(np.asarray(array, np.float32) for array in arrays))


def measure(
    folder: Path,
    natural: NaturalPictures,
    generator: Generator | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[RealResult, ReaderReport]:
    """Identification in each session, and a page on the first with test photographs beside what was read of them.

    Parameters
    ----------
    folder : Path
        Holds ``images_SESSION.zip`` and ``responses_SESSION.npy``.
    natural : NaturalPictures
        Bank of the reader.
    generator : Generator, optional
        Trained on natural pictures; draws readings of its own latents beside those of the principal components.
    on_progress : callable, optional
        Called with (done, total, text).

    Raises
    ------
    RecordingError, SettingsError, PictureError
        If a session is not whole.
    """
    tell = on_progress or (lambda done, total, text: None)
    archives = find_files(folder, "images_*.zip")
    seen = natural.features(on_progress)
    found: list[Finding] = []
    plain: list[float] = []
    by_session: list[str] = []
    page: ReaderReport | None = None
    for number, archive in enumerate(archives):
        name = archive.stem.removeprefix("images_")
        tell(number, len(archives), f"session {name}")
        session = Session(archive, archive.with_name(f"responses_{name}.npy"))
        features = picture_features(session.images, natural.classifier)
        readers = _Readers(session, features, seen)
        components = [Components.of(session.pixels[train]) for train, _ in session.folds]
        readings = [
            readers.read(fold, each.encode(session.pixels), each.encode(natural.images))
            for fold, each in zip(session.folds, components, strict=True)
        ]
        findings = [score(PAIRWISE, scaled(reading)) for reading in readings]
        found.append(mean_finding(findings, f"session {name}", independent=False))
        plain.append(float(np.mean([_plain(session, *each) for each in zip(session.folds, components, strict=True)])))
        by_session.append(f"{name}: {found[-1].score.value:.3f}, plain {plain[-1]:.3f}")
        if page is None:
            shown = _pictures(readers, components[0], readings[0], natural, generator)
            page = _page(session, readings[0], shown, generator)
    assert page is not None, "find_files gives at least one"
    headline = mean_finding(found, f"{findings[0].score.name}, mean of {len(found)} sessions")
    result = RealResult.of(
        headline,
        found,
        name="photographs from macaque V4",
        what=WHAT,
        baseline=float(np.mean(plain)),
        at_least=AT_LEAST,
        aim=AIM,
        notes=(f"Reader: {READER}.", OTHERS, f"By session: {'; '.join(by_session)}."),
    )
    return result, page


def _plain(session: Session, fold: Fold, components: Components) -> float:
    """The baseline's score of one split."""
    reading = cross_validated_reading(plain_fit, session.trials, components.encode(session.pixels), [fold])
    return float(per_trial(PAIRWISE, scaled(reading)).mean())


@dataclass(frozen=True, slots=True, eq=False)
class _Readers:
    """The inversion reader of one session, for any latents."""

    session: Session
    features: PictureFeatures
    bank: PictureFeatures

    def read(self, fold: Fold, latents: Floats, bank_latents: Floats) -> Reading:
        """Readings of one split, of latents (n_trials, dim) of the photographs and of those of the bank."""
        fit = inversion_fit(self.session.trials, self.features, Bank(self.bank, bank_latents))
        return cross_validated_reading(fit, self.session.trials, latents, [fold], held_out="a fifth of the photographs")


def inversion_fit(trials: BrainTrials, features: PictureFeatures, bank: Bank) -> Fit:
    """The reader by Bayes' rule as `Fit`, given the features of the picture of each trial."""
    row = {picture: number for number, picture in enumerate(trials.pictures)}

    def fit(windows: Floats, targets: Floats, pictures: tuple[str, ...], seed: int) -> InversionReader:
        chosen = np.array([row[picture] for picture in pictures])
        return fit_inversion(windows, targets, pictures, features.take(chosen), bank, seed)

    return fit


def _pictures(
    readers: _Readers, components: Components, reading: Reading, natural: NaturalPictures, generator: Generator | None
) -> ShownBesideRead:
    """Photographs of the first split through principal components and, if there is one, a generator."""
    session = readers.session
    readings: dict[str, tuple[Reading, Generate]] = {f"{N_COMPONENTS} principal components": (reading, components.draw)}
    if generator is not None:
        latents, known = (generator.encode(_sized(each, generator)) for each in (session.images, natural.images))
        readings[generator.manifest.name] = (readers.read(session.folds[0], latents, known), generator.generate)
    return beside(readings, session.trials.images, use_spread=True)


def _page(session: Session, reading: Reading, shown: ShownBesideRead, generator: Generator | None) -> ReaderReport:
    drawn = (
        "" if generator else " No generator of natural pictures was given, so pictures are drawn from components alone."
    )
    return ReaderReport(
        title=f"Photographs read from macaque V4, session {session.name}",
        reader=READER,
        trials=session.trials,
        reading=scaled(reading),
        findings=identification_scores(reading, use_spread=True),
        splits=f"Scored: {reading.held_out}, the first of {N_SPLITS} random splits. {WHAT}.",
        pictures=shown,
        notes=(f"{OTHERS}{drawn}",),
    )


def _sized(images: Images, generator: Generator) -> Images:
    return np.stack([resize(image, generator.image_size) for image in images])

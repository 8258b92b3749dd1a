"""How much of what a trial holds is read: bits about which of 300 new pictures was shown, against a reader that knows all.

Information is the mean over single trials of log2(300 p), where p is the share that the picture shown gets of a softmax
over all 300, of scores that were calibrated on training trials alone: for readings, the Gaussian log-likelihood of the
reading given a picture's latent, from the readings of trials left out of the fit; for the ideal observer, of the trial
given the picture. One factor that sharpens or blunts all scores is then fitted to training trials by cross-entropy. Each
figure is a lower bound of the mutual information (Barber & Agakov, NIPS 2003), none can exceed log2(300), which the ideal
observer comes near; who is sure and wrong has less than 0 bits, as has a reader that is fed noise. Readings of left-out
trials come from five readers; where each has a last map of its own, they fit together less well and the bound is looser.

Latents do not hold all that a trial tells of a picture, so the ideal observer stands here twice: as it is, and reading
latents, by the best linear reading that the truth allows; the second is what a reader of latents can reach.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from bci_app.bundles import shipped
from bci_app.calibration.features import features_of
from bci_app.calibration.penalised import fit_penalised
from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.calibration.ridge import PENALTIES, LinearReader, fit_noise, fit_reader
from bci_app.contract.identification import bootstrap_interval, pairwise_identification
from bci_app.contract.preprocessing import cut_trials
from bci_app.engine.demo import GENERATOR
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture
from bci_app.pictures.source import builtin
from bci_app.simulation.cortex import features
from bci_app.simulation.participant import simulate_session
from bci_app.simulation.settings import ParticipantSettings
from tests.benchmarks.ideal_observer import build_observer
from tests.benchmarks.results import Row, publish
from training.readers.linear import fit_inverse, fit_least_squares

N_TRIALS, N_SESSIONS, N_NEW, N_FOLDS = 1200, 8, 300, 5
LENGTHS = (1200, 2400, 4800, 9600)
BIN, TARGET, AIM = 4, 0.85, 0.95
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Fit = Callable[[Floats, Floats], LinearReader]


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """Trials, and what was shown: windows (n, n_channels, n_times), latents (n, latent_dim), features (n, n_features)."""

    windows: Floats
    latents: Floats
    features: Doubles

    def first(self, n: int) -> Session:
        """Its first `n` trials."""
        return Session(self.windows[:n], self.latents[:n], self.features[:n])


@dataclass(frozen=True, slots=True)
class Figure:
    """Bits with their interval, pairwise identification, and the bits of left-out training trials."""

    bits: float
    low: float
    high: float
    identified: float
    left_out: float

    def __str__(self) -> str:
        return f"{self.bits:.2f} bits ({self.low:.2f} to {self.high:.2f}), identified {self.identified:.3f}"


# -- readers ---------------------------------------------------------------------------------------------------------


def unstretched(windows: Floats, latents: Floats) -> LinearReader:
    """`fit_reader` without its stretch."""
    seen = features_of(windows, BIN)
    fitted = fit_penalised(seen.values, latents, PENALTIES)
    return LinearReader(*seen.fold(fitted.coefficients, fitted.intercept), latents.mean(axis=0))


READERS: dict[str, Fit] = {
    "ridge, as the program fits it": lambda windows, latents: fit_reader(windows, latents, BIN),
    "ridge, not stretched": unstretched,
    "least squares, plain": lambda windows, latents: fit_least_squares(windows, latents, bin_times=BIN, weighted=False),
    "least squares, weighted": lambda windows, latents: fit_least_squares(windows, latents, bin_times=BIN),
    "weighted, before its last map": lambda windows, latents: fit_inverse(windows, latents, bin_times=BIN),
    "weighted, before its last map, finer bins": lambda windows, latents: fit_inverse(
        windows, latents, bin_times=BIN // 2
    ),
}


def left_out(fit: Fit, windows: Floats, latents: Floats) -> Floats:
    """Readings of all trials, each by a reader of four fifths of the others."""
    fold, read = np.arange(len(windows)) % N_FOLDS, np.empty_like(latents)
    for each in range(N_FOLDS):
        read[fold == each] = fit(windows[fold != each], latents[fold != each]).read(windows[fold == each])
    return read


# -- information -----------------------------------------------------------------------------------------------------


def bits(scores: Doubles, sharpness: float) -> Doubles:
    """log2(n p) of the picture shown, on the diagonal of `scores` (n, n)."""
    raised = sharpness * scores
    raised = raised - raised.max(axis=1, keepdims=True)
    return np.asarray((np.diag(raised) - np.log(np.exp(raised).sum(axis=1))) / np.log(2) + np.log2(len(scores)))


def sharpness(tables: Sequence[Doubles]) -> float:
    """The factor under which training trials tell most."""
    found = minimize_scalar(
        lambda power: -np.mean([bits(table, np.exp(power)).mean() for table in tables]),
        bounds=(-12, 2),
        method="bounded",
    )
    return float(np.exp(found.x))


def likelihood(read: Floats, latents: Floats) -> Callable[[Floats, Floats], Doubles]:
    """Log-likelihood (n, m) of readings given latents, from left-out readings of training trials.

    A reading is taken as a linear map of the latent with Gaussian noise, so that no linear map of the readings, such as a
    stretch, changes anything.
    """
    design = np.column_stack([latents, np.ones(len(latents))]).astype(np.float64)
    turn = np.linalg.lstsq(design, read.astype(np.float64), rcond=None)[0]
    rest = read - design @ turn
    white = np.linalg.inv(np.linalg.cholesky(rest.T @ rest / (len(rest) - len(turn)))).T

    def scores(new: Floats, candidates: Floats) -> Doubles:
        seen = new @ white
        wanted = np.column_stack([candidates, np.ones(len(candidates))]) @ turn @ white
        return np.asarray(seen @ wanted.T - 0.5 * (wanted**2).sum(axis=1))

    return scores


def figure_of(tables: Sequence[Doubles], scores: Doubles, identified: float) -> Figure:
    """From scores of training trials, by which sharpness is found, and of new ones."""
    power = sharpness(tables)
    trained = float(np.mean([bits(table, power).mean() for table in tables]))
    return Figure(*bootstrap_interval(bits(scores, power)), identified, trained)


def reading_figure(train_read: Floats, train: Session, read: Floats, test: Session) -> Figure:
    """What readings of new trials tell, calibrated by left-out readings of training trials."""
    tables = []
    for part in parts(len(train_read)):
        others = np.ones(len(train_read), bool)
        others[part] = False  # what a calibration has been fitted to looks better than it is
        scores = likelihood(train_read[others], train.latents[others])
        tables.append(scores(train_read[part], train.latents[part]))
    identified = pairwise_identification(read, test.latents, train.latents.mean(axis=0))
    return figure_of(tables, likelihood(train_read, train.latents)(read, test.latents), float(identified.mean()))


def parts(n: int) -> list[slice]:
    """As many training trials at a time as there are new pictures."""
    return [slice(first, first + N_NEW) for first in range(0, n - N_NEW + 1, N_NEW)]


# -- what is measured ------------------------------------------------------------------------------------------------


def record(number: int, pictures: Sequence[Picture], generator: Generator) -> Session:
    """A session of the participant who sees these pictures."""
    cutting = CalibrationRecipe()
    onsets = 1.0 + np.arange(len(pictures))
    recording = simulate_session(ParticipantSettings(session=number), pictures, onsets)
    trials, _ = cut_trials(recording, cutting.preprocessing(recording.channels, recording.sfreq), cutting.cut)
    assert [trial.marker.label for trial in trials] == [picture.id for picture in pictures]
    latents = generator.encode(np.stack([picture.image for picture in pictures]))
    return Session(
        np.stack([trial.window.data for trial in trials]), latents, np.array([features(each) for each in pictures])
    )


def ideal(train: Session, many: Session, test: Session) -> tuple[Figure, Figure]:
    """The ideal observer as it is, and reading latents; `many` tells what pictures are like."""
    observer = build_observer(ParticipantSettings(), CalibrationRecipe(), train.windows, train.features)
    seen, new = observer.whitened(train.windows), observer.whitened(test.windows)
    tables = [observer.scores(seen[part], train.features[part]) for part in parts(len(seen))]
    scores = observer.scores(new, test.features)
    won = (scores < np.diag(scores)[:, np.newaxis]).sum(axis=1) / (len(scores) - 1)
    whole = figure_of(tables, scores, float(won.mean()))
    read = [observer.latents(each, many.features, many.latents.astype(np.float64)) for each in (seen, new)]
    return whole, reading_figure(read[0].astype(np.float32), train, read[1].astype(np.float32), test)


def controls(fit: Fit, train: Session, test: Session) -> dict[str, Figure]:
    """The same reader fed matched noise, and one trained on pictures dealt to the trials at random."""
    rng = np.random.default_rng(0)
    reader, read = fit(train.windows, train.latents), left_out(fit, train.windows, train.latents)
    noise = reader.read(fit_noise(train.windows).draw(rng, len(test.windows)))
    dealt = Session(train.windows, train.latents[rng.permutation(len(train.latents))], train.features)
    blind = fit(dealt.windows, dealt.latents).read(test.windows)
    blind_read = left_out(fit, dealt.windows, dealt.latents)
    return {
        "noise input": reading_figure(read, train, noise, test),
        "shuffled pairing": reading_figure(blind_read, dealt, blind, test),
    }


def main() -> int:
    """Measure and publish; 1 if the target was missed."""
    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - began:5.0f} s  {text}", flush=True)

    say("drawing pictures")
    pictures = builtin().sample(np.random.default_rng(1), N_TRIALS * N_SESSIONS + N_NEW, 64)
    assert len({picture.id for picture in pictures}) == len(pictures)
    generator = Generator.open(shipped(GENERATOR))
    test = record(100, pictures[:N_NEW], generator)
    sessions = []
    for number in range(N_SESSIONS):
        say(f"session {number + 1} of {N_SESSIONS}")
        first = N_NEW + number * N_TRIALS
        sessions.append(record(number, pictures[first : first + N_TRIALS], generator))
    every = Session(*(np.concatenate(each) for each in zip(*map(_fields, sessions), strict=True)))
    short = every.first(N_TRIALS)
    say("the ideal observer")
    whole, through = ideal(short, every, test)
    found: dict[tuple[str, int], Figure] = {}
    for name, fit in READERS.items():
        say(name)
        found[name, N_TRIALS] = _measured(fit, short, test)
    best = max(READERS, key=lambda name: found[name, N_TRIALS].left_out)
    for length in LENGTHS[1:]:
        say(f"{best}, {length} trials")
        found[best, length] = _measured(READERS[best], every.first(length), test)
    say("controls")
    blind = controls(READERS[best], short, test)
    return _published(whole, through, found, blind, best)


def _fields(session: Session) -> tuple[Floats, Floats, Doubles]:
    return session.windows, session.latents, session.features


def _measured(fit: Fit, train: Session, test: Session) -> Figure:
    read = fit(train.windows, train.latents).read(test.windows)
    return reading_figure(left_out(fit, train.windows, train.latents), train, read, test)


def _published(
    whole: Figure, through: Figure, found: dict[tuple[str, int], Figure], blind: dict[str, Figure], best: str
) -> int:
    def shares(figure: Figure) -> str:
        return f"{figure.bits / through.bits:.2f} of what latents pass, {figure.bits / whole.bits:.2f} of all"

    rows = [
        Row("ideal observer", f"{whole}", f"at most {np.log2(N_NEW):.2f}"),
        Row("ideal observer, through the latents", f"{through}; {shares(through)}"),
    ]
    rows += [Row(f"{name}, {n} trials", f"{figure}; {shares(figure)}") for (name, n), figure in found.items()]
    rows += [Row(f"{best}, {N_TRIALS} trials, {name}", str(figure), "<= 0 bits, 0.5") for name, figure in blind.items()]
    share = found[best, N_TRIALS].bits / through.bits
    rows.append(
        Row(
            f"best reader of {N_TRIALS} trials, of what latents pass",
            f"{share:.2f}",
            f">= {TARGET}, aim {AIM}",
            share >= TARGET,
        )
    )
    rows.append(
        Row(
            "the same, of all",
            f"{found[best, N_TRIALS].bits / whole.bits:.2f}",
            f"latents pass {through.bits / whole.bits:.2f}",
        )
    )
    for wanted in (TARGET, AIM):
        enough = [n for n in LENGTHS if found[best, n].bits / through.bits >= wanted]
        rows.append(
            Row(f"trials for {wanted} of what latents pass", str(enough[0]) if enough else f"more than {LENGTHS[-1]}")
        )
    rows.append(Row("load average", f"{os.getloadavg()[0]:.1f}"))
    details = {f"{name}, {n}": figure.bits for (name, n), figure in found.items()}
    return int(not publish("reader_information", rows, {"bits": details, "ideal": whole.bits, "latents": through.bits}))


if __name__ == "__main__":
    sys.exit(main())

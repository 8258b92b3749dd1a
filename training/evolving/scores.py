"""What evolutions came to: each unit's evolved picture over its best reference picture, beside the controls, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SettingsError
from training.evaluate.batches import Images
from training.evaluate.intervals import Interval
from training.evolving.evolution import ARM_WORDS, ARMS, Arm, Evolved
from training.evolving.targets import Target

Doubles = NDArray[np.float64]
HEADLINE = "response / best reference picture's"


@dataclass(frozen=True, slots=True, eq=False)
class UnitResult:
    """One unit of one seed: its evolutions by arm."""

    target: Target
    unit: int
    seed: int
    arms: Mapping[Arm, Evolved]

    @property
    def name(self) -> str:
        """Of the unit, with its session or layer."""
        return f"{self.target.name}, {self.target.units[self.unit]}"

    @property
    def references(self) -> Doubles:
        """Responses (n_references,) to the reference pictures."""
        return self.target.references[:, self.unit]

    @property
    def best_reference(self) -> int:
        """Number of the reference picture that the target itself responds to most."""
        return int(self.references.argmax())

    def ratio(self, arm: Arm) -> float:
        """Response to the picture of an arm over that to the best reference picture."""
        return over(self.arms[arm].response, float(self.references.max()))


def over(value: float, reference: float) -> float:
    """A ratio that means something only where the reference is above zero; NaN elsewhere."""
    return value / reference if reference > 0 else float("nan")


@dataclass(frozen=True, slots=True)
class Figure:
    """A median over units with its 95 % interval, of each arm; of `n` units that have the figure."""

    name: str
    values: Mapping[Arm, Interval]
    n: int


def figures(results: Sequence[UnitResult], seed: int) -> list[Figure]:
    """Every figure of a run; the first is the headline: evolved over best reference picture.

    Judges say what of the gain survives a model that did not guide: the evolved picture over the reference picture that
    the guide would choose, and over the one that the judge would choose.

    Raises
    ------
    SettingsError
        If no reference picture takes a unit above zero, so that there is nothing to compare with.
    """
    per_unit = {arm: [judged(each, arm) for each in results] for arm in ARMS}
    found = []
    for name in per_unit["evolved"][0]:
        columns = {arm: np.array([row[name] for row in rows]) for arm, rows in per_unit.items()}
        there = np.isfinite(np.stack(list(columns.values()))).all(axis=0)
        if there.any():
            values = {arm: median(column[there], _groups(results)[there], seed) for arm, column in columns.items()}
            found.append(Figure(name, values, int(there.sum())))
    if not found or found[0].name != HEADLINE:
        raise SettingsError(
            "Evolved pictures are compared with the best reference picture; none takes a unit above zero. Choose a layer behind "
            "a rectifier, other units or other reference pictures."
        )
    return found


def _groups(results: Sequence[UnitResult]) -> NDArray[np.intp]:
    """Number of each result's unit: seeds of one unit are not independent."""
    names = [each.name for each in results]
    return np.unique(names, return_inverse=True)[1]


def judged(result: UnitResult, arm: Arm) -> dict[str, float]:
    """All figures of one unit and arm, by name."""
    made, target, unit = result.arms[arm], result.target, result.unit
    row = {
        HEADLINE: result.ratio(arm),
        "response / mean of the reference pictures'": over(made.response, float(result.references.mean())),
    }
    for fact in ("highest predicted of photographs, those of the fit as fitted", "highest recorded"):
        if fact in target.facts:
            row[f"response / {fact}"] = over(made.response, float(target.facts[fact][unit]))
    for judge in target.judges:
        said, known = float(judge.respond(made.picture[np.newaxis])[0, unit]), judge.references[:, unit]
        row[f"judge ({judge.name}): / the guide's best photograph"] = over(said, float(known[result.best_reference]))
        row[f"judge ({judge.name}): / its own best photograph"] = over(said, float(known.max()))
    if target.distance is not None:
        typical = float(target.facts["typical distance of a photograph"][unit])
        row["distance to the nearest photograph / a new photograph's"] = (
            float(target.distance(made.picture[np.newaxis])[0]) / typical
        )
    return row


def median(values: Doubles, groups: NDArray[np.intp], seed: int, n_draws: int = 2000) -> Interval:
    """Median of values (n,) with the 95 % percentile interval that resamples whole groups (n,), such as units."""
    kinds, row = np.unique(groups, return_inverse=True)
    table = np.full((len(kinds), int(np.bincount(row).max())), np.nan)
    for group in range(len(kinds)):
        members = values[row == group]
        table[group, : len(members)] = members
    rows = np.random.default_rng(seed).integers(0, len(kinds), (n_draws, len(kinds)))
    drawn = np.nanmedian(table[rows].reshape(n_draws, -1), axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(np.median(values)), float(low), float(high)


@dataclass(frozen=True, slots=True, eq=False)
class ActivationCurve:
    """Median over units, with its interval, of the highest response so far (n_generations,), best reference = 1."""

    arm: Arm
    name: str
    centre: Doubles
    low: Doubles
    high: Doubles


def activation_curves(results: Sequence[UnitResult], seed: int) -> list[ActivationCurve]:
    """One of each arm, over the units whose best reference picture has a response above zero."""
    usable = [each for each in results if each.references.max() > 0]
    curves = []
    for arm in ARMS:
        rows = [np.maximum.accumulate(each.arms[arm].top) / each.references.max() for each in usable]
        if rows:
            ends = [median(column, _groups(usable), seed, n_draws=300) for column in np.stack(rows, axis=1)]
            centre, low, high = np.array(ends).T
            curves.append(ActivationCurve(arm, ARM_WORDS[arm], centre, low, high))
    return curves


def respond_to_unit(target: Target, unit: int) -> Callable[[Images], Doubles]:
    """The responses (n,) of one unit."""
    return lambda images: target.respond(images)[:, unit]

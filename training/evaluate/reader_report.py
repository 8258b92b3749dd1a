"""One HTML page about a reader, with everything inside it: what was read, beside its controls, and what was shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bci_app.contract.manifest import Provenance
from bci_app.contract.windowing import TrialSpec
from training.data.brain import BrainTrials
from training.evaluate.page import number, percent, png, render
from training.evaluate.reader_categories import Confusion
from training.evaluate.reader_components import Components
from training.evaluate.reader_curves import Curve
from training.evaluate.reader_patterns import Topography, topography_svg
from training.evaluate.reader_pictures import Column, ShownBesideRead
from training.evaluate.reader_plots import components_svg, confusion_svg, curve_svg, time_svg
from training.evaluate.reader_reading import Reading
from training.evaluate.reader_scores import PAIRWISE, Finding
from training.run_folder import writing

_DELAY_AT_HZ = 10.0
_KINDS = {
    "eeg-decoder": ("EEG", "channels"),
    "fmri-decoder": ("fMRI", "voxels"),
    "spike-decoder": ("spike counts", "neurons"),
}
_UNITS = {"uV": "microvolts", "count": "spikes", "au": "scanner units"}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReaderReport:
    """What the page is about; what is None or empty has no place on it.

    Parameters
    ----------
    title : str
    reader : str
        What reads, in words: "ridge regression from 64 channels x 69 samples".
    trials : BrainTrials
        All trials, for who and what they are of.
    reading : Reading
        What the scores are of.
    findings : sequence of Finding
        The first is the one the page leads with.
    splits : str
        How training and test trials were parted, and by what everything was chosen, in words.
    pictures : ShownBesideRead, optional
    curves : sequence of Curve
        By training trials, by repeats.
    time_course : Curve, optional
    stimulus_s : float, optional
        How long a picture stood on the screen.
    components : Components, optional
    confusion : Confusion, optional
    topography : Topography, optional
    notes : sequence of str
        Beyond those of the trials.
    recipe : mapping
        As resolved.
    provenance : Provenance, optional
    """

    title: str
    reader: str
    trials: BrainTrials
    reading: Reading
    findings: Sequence[Finding]
    splits: str
    pictures: ShownBesideRead | None = None
    curves: Sequence[Curve] = ()
    time_course: Curve | None = None
    stimulus_s: float | None = None
    components: Components | None = None
    confusion: Confusion | None = None
    topography: Topography | None = None
    notes: Sequence[str] = ()
    recipe: Mapping[str, Any] | None = None
    provenance: Provenance | None = None


def write_reader_report(path: Path, report: ReaderReport) -> Path:
    """Write the page.

    Raises
    ------
    DiskError
        If it cannot be written.
    """
    maps, map_note = topography_svg(report.topography) if report.topography else ("", "")
    page = render(
        "reader_report.html",
        report=report,
        written=datetime.now().isoformat(sep=" ", timespec="minutes"),
        lead=lead(report.findings[0], report.reading),
        shows=report.findings[0].shows_reading,
        facts=facts(report),
        notes=(*report.trials.notes, *report.notes),
        tables=[
            ("Drawn at random", _picture_table(report.pictures.rows, report.pictures.random)),
            ("Chosen by rank", _picture_table(report.pictures.rows, report.pictures.marked)),
        ]
        if report.pictures
        else [],
        curves=[(curve, curve_svg(curve)) for curve in report.curves],
        time_course=time_svg(report.time_course, report.stimulus_s) if report.time_course else "",
        components=components_svg(report.components) if report.components else "",
        confusion=confusion_svg(report.confusion) if report.confusion else "",
        maps=maps,
        map_note=map_note,
        recipe_text=json.dumps(report.recipe, indent=1) if report.recipe else "",
        provenance=report.provenance,
    )
    with writing(path):
        path.write_text(page, "utf-8")
    return path


def lead(finding: Finding, reading: Reading) -> str:
    """Whether anything was read, in words: the score, what it stands beside, and what follows."""
    score = finding.score
    controls = {
        "chance": score.chance,
        "the same reader fed noise": score.noise_input,
        "a reader trained on shuffled pairs": score.shuffled_pairing,
    }
    known = {name: value for name, value in controls.items() if value is not None}
    beside = ", ".join(f"{name} {number(value)}" for name, value in known.items())
    low = score.value if score.low is None else score.low
    interval = "" if score.low is None else f", 95 % interval {number(score.low)} to {number(score.high)}"
    words = ""
    if score.name.startswith(PAIRWISE.name):
        words = f"Of two test pictures, the one that was shown fits what was read better in {percent(score.value, 1)} of pairs. "
    told = f"{words}{score.name[:1].upper()}{score.name[1:]}: {number(score.value)}{interval}; {beside}."
    dealt = f"the readings dealt to the trials at random ({number(finding.dealt_low)} to {number(finding.dealt_high)})"
    if finding.shows_reading:
        meaning = (
            "The interval lies above chance and above the noise input and the shuffled pairing, and the score above "
            f"{dealt}: something of what was shown was read from trials that were not trained on."
        )
    else:
        reached = [name for name, value in known.items() if low <= value]
        reached += [dealt] if score.value <= finding.dealt_high else []
        meaning = f"This does not show that anything was read: it is within reach of {_listed(reached)}."
    if reading.seen.any():
        meaning += (
            f" {int(reading.seen.sum()):,} of {len(reading):,} test trials showed a picture that was also shown in "
            "training: for them it is recognition of a known picture, not reading of a new one."
        )
    return f"{told} {meaning}"


def _listed(words: Sequence[str]) -> str:
    """One, two and three."""
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


def facts(report: ReaderReport) -> list[tuple[str, str]]:
    """Who and what: the rows of the table of facts."""
    trials, spec, cut = report.trials, report.trials.preprocessing, report.trials.cut
    signal, rows = _KINDS[trials.kind]
    n_pictures = len(set(trials.pictures) - {""})
    found = [
        ("data", f"{trials.name}: {signal}, {len(spec.channels):,} {rows}, in {_UNITS[spec.unit]}"),
        ("from", ", ".join(_counted(trials))),
        ("trials", f"{len(trials):,}" + (f", of {n_pictures:,} different pictures" if n_pictures else "")),
        ("reader", report.reader),
        ("samples per trial", f"{trials.windows.shape[2]:,} at {spec.output_sfreq:g} Hz"),
    ]
    if isinstance(cut, TrialSpec):
        found.append(("cut", f"{1000 * cut.start_s:.0f} to {1000 * cut.stop_s:.0f} ms after the onset"))
        latency = f"{1000 * cut.latency_s:.0f} ms: the onset is taken to be so long after the marker"
        found.append(("marker latency", latency if cut.latency_s else "none: the onset is at the marker"))
    else:
        found.append(("cut", f"windows of {cut.window_s:g} s, one every {cut.hop_s:g} s"))
    if spec.sos:
        delay_ms = 1000 * spec.delay_s(min(_DELAY_AT_HZ, 0.25 * spec.output_sfreq))
        found.append(
            ("filter delay", f"{delay_ms:.0f} ms at {min(_DELAY_AT_HZ, 0.25 * spec.output_sfreq):g} Hz, causal")
        )
    found.append(("reference", spec.reference))
    n_seen, n = int(report.reading.seen.sum()), len(report.reading)
    seen = f"shown in {n_seen:,} of {n:,} test trials too" if n_seen else "shown in no test trial"
    found.append(("pictures trained on", seen if n_pictures else "not recorded"))
    return found


def _counted(trials: BrainTrials) -> list[str]:
    """How many subjects, sessions and runs; those that are named."""
    counts: dict[str, set[Any]] = {
        "subject": set(trials.subjects),
        "session": set(zip(trials.subjects, trials.sessions, strict=True)) if any(trials.sessions) else set(),
        "run": set(zip(trials.subjects, trials.sessions, trials.runs, strict=True)) if any(trials.runs) else set(),
    }
    known = {name: len(each - {""}) for name, each in counts.items()}
    return [f"{n:,} {name}{'s' if n > 1 else ''}" for name, n in known.items() if n] or ["not recorded"]


def _picture_table(rows: Sequence[str], columns: Sequence[Column]) -> dict[str, Any]:
    """Headings and cells of a table of pictures, each an address."""
    return {
        "headings": [(column.why, number(column.identified), column.trial) for column in columns],
        "rows": [(name, [png(column.cells[place]) for column in columns]) for place, name in enumerate(rows)],
    }


def all_numbers(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The findings as plain values, for a JSON file beside the page."""
    return [
        {**finding.score.model_dump(mode="json"), "dealt": [finding.dealt_low, finding.dealt_high], "p": finding.p}
        for finding in findings
    ]

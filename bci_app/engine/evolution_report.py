"""One HTML page about an evolution, with everything inside it: what it drove, how far, beside pictures nobody selected."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.identification import bootstrap_interval
from bci_app.contract.lines import read_lines
from bci_app.engine.evolution_files import RESPONSES
from bci_app.engine.evolution_summary import SEALED, evolution_verdict
from bci_app.engine.evolution_views import ActivationCurves, EvolutionSnapshot, MeanCurve, response_text
from bci_app.engine.report_page import inline, inline_image, svg, write_page
from bci_app.engine.session_quality import session_quality

CURVES = {
    "evolved": ("evolved pictures", "#0072b2", "-"),
    "natural": ("natural reference pictures", "#a85f00", "--"),
    "prior": ("pictures of the generator's prior", "#a3487c", ":"),
}
REFERENCES = {"natural": "Best natural picture", "prior": "Best of the prior"}

Card = dict[str, Any]
"""A picture as a data address, what it is, and its response in words."""


def write_evolution_report(folder: Path, summary: dict[str, Any], evolution: EvolutionSnapshot) -> Path:
    """Write ``report.html`` into the run folder, however the evolution ended; of a blind one it does not tell what is sealed.

    Parameters
    ----------
    folder : Path
        Of the run: its responses and pictures are read.
    summary : dict
        Of `summarise_evolution`.
    evolution : EvolutionSnapshot
        As it stood at the end.

    Raises
    ------
    RecordingError
        If the disk refuses.
    """
    return write_page(
        folder,
        "evolution_report.html",
        summary=summary,
        verdict=evolution_verdict(summary),
        truth=_truth(folder) if summary["sham"] != "blind" else "",
        sealed=SEALED,
        curve=activation_plot(evolution.curves, evolution.unit),
        averages=[inline_image(average) for average in evolution.averages],
        cards=[*_evolved_cards(evolution), *_reference_cards(folder, evolution.unit)],
        number=response_text,
        quality=session_quality(folder),
    )


def activation_plot(curves: ActivationCurves, unit: str) -> str:
    """Responses in `unit` by generation, with their 95 % bands, as SVG; empty before the first scored generation."""
    if curves.generations.size == 0:
        return ""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots()
    generations = curves.generations + 1
    for name, (label, colour, style) in CURVES.items():
        curve: MeanCurve = getattr(curves, name)
        if np.isfinite(curve.mean).any():
            axes.fill_between(generations, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
            axes.plot(generations, curve.mean, style, color=colour, linewidth=2, label=label)
    axes.plot(generations, curves.best, "-.", color="#57606a", linewidth=1, label="best so far, one picture")
    axes.set(xlabel="generation", ylabel=f"response, {unit}" if unit else "response")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return svg(figure)


def _evolved_cards(evolution: EvolutionSnapshot) -> list[Card]:
    cards = []
    if evolution.best is not None:
        response = in_words(np.array([evolution.best.score]), evolution.unit, evolution.best.n_responses)
        words = f"{response}; the highest of all, luck included"
        cards.append({"name": "Best evolved picture", "words": words, "image": inline_image(evolution.best.image)})
    if evolution.estimate is not None:
        words = "what all responses point to; has no response of its own"
        cards.append({"name": "The optimiser's estimate", "words": words, "image": inline_image(evolution.estimate)})
    return cards


def _reference_cards(folder: Path, unit: str) -> list[Card]:
    """The reference picture of each kind with the highest mean response."""
    responses: dict[str, dict[str, list[float]]] = {kind: defaultdict(list) for kind in REFERENCES}
    for line in read_lines(folder / RESPONSES):
        if line["kind"] in REFERENCES and line["response"] is not None:
            responses[line["kind"]][line["id"]].append(line["response"])
    cards = []
    for kind, by_picture in responses.items():
        if by_picture:
            best = max(by_picture, key=lambda each: float(np.mean(by_picture[each])))
            words = in_words(np.array(by_picture[best]), unit, len(by_picture[best]))
            cards.append({"name": REFERENCES[kind], "words": words, "image": inline(_file(folder, kind, best))})
    return cards


def in_words(responses: NDArray[np.float64], unit: str, n: int) -> str:
    """The mean of responses (k,) in `unit` with its 95 % interval, if there are several, and over how many, `n`, it is."""
    interval = ""
    if responses.size > 1:
        _, low, high = bootstrap_interval(responses)
        interval = f"[{response_text(low)}, {response_text(high)}]"
    value = " ".join(filter(None, (response_text(float(responses.mean())), interval, unit)))
    return f"{value}, one response" if n == 1 else f"{value}, mean of {n} responses"


def _file(folder: Path, kind: str, picture_id: str) -> Path:
    name = picture_id.replace("/", "_") if kind == "natural" else picture_id.split("/")[1]
    return folder / "pictures" / f"{name}.png"


def _truth(folder: Path) -> str:
    """How near a simulated participant's hidden picture it came, where that is known."""
    from bci_app.engine.evolution_truth import TRUTH, truth_paragraph  # of the demo alone, and slow to import

    path = folder / TRUTH
    return truth_paragraph(json.loads(path.read_text("utf-8"))) if path.is_file() else ""

"""One HTML page about a session, with everything inside it: pictures, curve, controls, latencies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bci_app.contract.lines import read_lines
from bci_app.engine.recorder import WINDOWS
from bci_app.engine.report_page import evenly, inline, svg, write_page
from bci_app.engine.session_quality import session_quality
from bci_app.engine.summary import paragraph
from bci_app.engine.views import Identification, IdentificationCurve

_MOST_WINDOWS = 60
_DECODER, _TWIN = "#0b62a8", "#b35900"


def write_report(folder: Path, summary: dict[str, Any], identification: Identification) -> Path:
    """Write ``report.html`` into the run folder, from its summary and what the recorder kept there.

    Raises
    ------
    RecordingError
        If the disk refuses.
    """
    return write_page(
        folder,
        "report.html",
        summary=summary,
        paragraph=paragraph(summary),
        curve=identification_plot(identification, summary["signal"]),
        trials=_trials(folder),
        windows=_windows(folder),
        n_windows=len(read_lines(folder / WINDOWS)),
        quality=session_quality(folder),
    )


def identification_plot(identification: Identification, signal: str = "EEG") -> str:
    """The running curves of a decoder that reads `signal`, as SVG; empty without a point."""
    if identification.decoder.n.size == 0:
        return ""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots()
    for curve, colour, label in (
        (identification.decoder, _DECODER, signal),
        (identification.noise_twin, _TWIN, "noise twin: the same decoder fed matched noise"),
    ):
        _plot_curve(axes, curve, colour, label)
    axes.axhline(0.5, color="#57606a", linestyle="--", linewidth=1)
    axes.annotate("chance", (1, 0.5), xycoords=("axes fraction", "data"), ha="right", va="bottom", color="#57606a")
    axes.set(ylim=(0, 1.02), xlabel="trials read", ylabel="pairs identified")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    return svg(figure, f"pairs identified by trials read: {signal} beside its noise twin and chance")


def _plot_curve(axes: Any, curve: IdentificationCurve, colour: str, label: str) -> None:
    axes.fill_between(curve.n, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(curve.n, curve.mean, color=colour, linewidth=2, label=label)


def _trials(folder: Path) -> list[dict[str, Any]]:
    """What the recorder kept of each trial, pictures as data addresses; an empty one where there is none."""
    trials = []
    for entry in read_lines(folder / "trials.jsonl"):
        name = f"trial_{entry['trial']:04d}"
        score = entry["identified"]
        known = entry["picture"] is not None
        trials.append(
            {
                "number": entry["trial"] + 1,
                "label": " ".join(entry["picture"].split("/")[:-1]) if known else entry["marker"],
                "score": "" if score is None else f"{score:.2f}",
                "shown": inline(folder / "pictures" / f"{name}_shown.png"),
                "read": inline(folder / "pictures" / f"{name}_read.png"),
            }
        )
    return trials


def _windows(folder: Path) -> list[dict[str, Any]]:
    """What was read of sliding windows, at most `_MOST_WINDOWS` at equal distances: when, and the picture as a data address."""
    lines = read_lines(folder / WINDOWS)
    some = [lines[each] for each in evenly(len(lines), _MOST_WINDOWS)]
    return [
        {
            "at_s": line["until_s"] - lines[0]["until_s"],
            "read": inline(folder / "pictures" / f"window_{line['window']:06d}_read.png"),
        }
        for line in some
    ]

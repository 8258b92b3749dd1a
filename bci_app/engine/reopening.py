"""The report of a session written anew from its folder, also of one whose program was killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bci_app.contract.anonymity import nameless
from bci_app.contract.errors import RecordingError
from bci_app.contract.identification import Floats, bootstrap_interval, pairwise_identification
from bci_app.contract.lines import read_lines
from bci_app.engine.latency import LENGTH, rows_of
from bci_app.engine.recorder import LATENCIES, WINDOWS
from bci_app.engine.report import write_report
from bci_app.engine.report_page import write_page
from bci_app.engine.session_file import CUT_SHORT, SESSION, now, read_session
from bci_app.engine.session_quality import session_quality
from bci_app.engine.session_signal import described, parts_of, signal_facts
from bci_app.engine.summary import CLOSED, identification_summary, latency_summary, write_json
from bci_app.engine.views import Identification, IdentificationCurve, LatencyRow

SUMMARY = "summary.json"
BY_HAND = "The recording was ended by hand."
_MOST_POINTS = 200
"""Of a curve that is computed anew."""

Facts = dict[str, Any]


def report_again(folder: Path) -> Path:
    """Write ``report.html`` of a session, and ``summary.json`` if it was cut short before it had one.

    Parameters
    ----------
    folder : Path
        Of the run, as its end or a crash left it.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    RecordingError
        If the folder holds no session, what it holds cannot be read, or the disk refuses.
    """
    about = session_about(folder)
    write = _WRITERS.get(about["kind"])
    if write is None:
        raise RecordingError(
            f"A session is one of {', '.join(_WRITERS)}; that of '{folder}' is of kind {about['kind']!r}, which has no report. "
            "Choose another folder, or update the program."
        )
    try:
        summary = _kept_summary(folder, about)
        return write(folder, about, summary and {"began": about["began"], **summary})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordingError(
            f"What '{folder}' holds of its session is not whole: {type(error).__name__}: {error}. Its signal may be read all the "
            "same: `bci-app export` writes it as XDF or BIDS."
        ) from error


def session_about(folder: Path) -> Facts:
    """What is known of a session: its session.json, or its summary where an older program left no other file.

    Raises
    ------
    RecordingError
        If there is neither.
    """
    if (folder / SESSION).is_file() or not (folder / SUMMARY).is_file():
        about = read_session(folder)
        kind = "evolution" if "identity" in about else "unknown"
        ended = about["ended"] if "ended" in about else _told_end(folder)
        known = {"kind": kind, "participant": "", "began": None, **about, "ended": ended}
        return known | {"kind": "calibration"} if _is_calibration(known) else known
    summary = _read(folder / SUMMARY)
    kinds = {"identification": "pictures", "scores": "text", "generations": "evolution"}
    kind = next((kind for key, kind in kinds.items() if key in summary), "unknown")
    return {"participant": "", "kind": kind, **summary, "ended": _told_end(folder), "began": None}


def _told_end(folder: Path) -> Facts | None:
    """How a session ended by its summary, which is all that an older program wrote of it; None if it did not, or without one."""
    summary = _read(folder / SUMMARY) if (folder / SUMMARY).is_file() else {"ended": CUT_SHORT}
    if summary.get("ended") == CUT_SHORT:
        return None
    return {
        "at": summary.get("written"),
        "reason": summary.get("ended", ""),
        "failed": bool(summary.get("failed")),
    }


def _is_calibration(about: Facts) -> bool:
    """Whether pictures were shown to make a decoder: such a session is kept as a signal, with the recipe of the decoder."""
    settings = about.get("settings")
    return about["kind"] == "signal" and isinstance(settings, dict) and "recipe" in settings


def _kept_summary(folder: Path, about: Facts) -> Facts | None:
    """The summary that was written when the session ended; None if it was cut short, so that an older one does not count."""
    if about["ended"] is None or not (folder / SUMMARY).is_file():
        return None
    return _read(folder / SUMMARY)


def _read(path: Path) -> Facts:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise RecordingError(f"'{path}' cannot be read: {error}. Take an intact copy, or move it away.") from None


def _rebuilt(folder: Path, about: Facts) -> Facts:
    """What every summary holds, from what the recorder left."""
    ended = about["ended"] or {"reason": CUT_SHORT, "failed": True}
    latencies = latency_summary(_latencies(folder))
    more: Facts = {"problems": [], "written": now(), "latency_ms": latencies, "stream": _stream_words(folder, about)}
    told = {**about, **more, "ended": ended["reason"], "failed": ended["failed"], "counts": signal_facts(folder)}
    return dict(nameless(told))


def _stream_words(folder: Path, about: Facts) -> str:
    """The stream as a session tells it, as far as it was kept."""
    parts, stream = parts_of(folder), about.get("stream")
    if isinstance(stream, str) or not parts:
        return stream or "no stream needed"
    told = described(parts[-1])
    name = f"{stream['name']} · " if stream else ""
    n = len(told.channels)
    return f"{name}{n:,} channel{'s' if n > 1 else ''} · {told.sfreq:g} Hz"


def _latencies(folder: Path) -> tuple[LatencyRow, ...]:
    """Percentiles of the newest results, as a session tells them."""
    lines = read_lines(folder / LATENCIES)
    began = max((number for number, line in enumerate(lines) if not line), default=-1) + 1
    newest = lines[began:][-LENGTH:]
    if not newest:
        return ()
    steps = tuple(newest[0])
    return rows_of(steps, np.array([[line.get(step) for step in steps] for line in newest], np.float64))


def _pictures(folder: Path, about: Facts, summary: Facts | None) -> Path:
    lines, decoder = read_lines(folder / "trials.jsonl"), (summary or about)["decoder"]
    # Where models were exchanged, scores are those of the last ones, as in the session itself.
    known = [line for line in lines if "latent_shown" in line and line.get("decoder") in (None, decoder["digest"])]
    latents = {
        name: np.array([line[f"latent_{name}"] for line in known], np.float32) for name in ("read", "noise", "shown")
    }
    centre = np.array(decoder.get("latent_mean", ()), np.float32)
    if summary is None:
        summary = _rebuilt(folder, about)
        summary["counts"]["read"] = len(lines) or len(read_lines(folder / WINDOWS))
        summary["identification"] = identification_summary(latents, centre)
        write_json(folder / SUMMARY, summary)
    curves = {name: identification_curve(latents[name], latents["shown"], centre) for name in ("read", "noise")}
    return write_report(folder, summary, Identification(curves["read"], curves["noise"]))


def identification_curve(read: Floats, shown: Floats, centre: Floats) -> IdentificationCurve:
    """Running pairwise identification as a session shows it, of latents (n_trials, latent_dim).

    Empty below two trials, or if the mean training latent `centre` (latent_dim,) is not known. Of long sessions, some points.
    """
    n = len(shown) if centre.size else 0
    at = np.unique(np.linspace(2, n, min(max(n - 1, 0), _MOST_POINTS), dtype=np.intp))
    scores = (bootstrap_interval(pairwise_identification(read[:k], shown[:k], centre)) for k in at)
    points = np.array(list(scores), np.float64).reshape(-1, 3)
    return IdentificationCurve(at, points[:, 0], points[:, 1], points[:, 2])


def _text(folder: Path, about: Facts, summary: Facts | None) -> Path:
    from bci_app.engine.events import SentenceRead
    from bci_app.engine.text_evidence import RunningText
    from bci_app.engine.text_report import write_text_report
    from bci_app.engine.text_summary import scores_summary

    if summary is None:
        evidence = RunningText(about["decoder"]["reads"] == "waves")
        lines = read_lines(folder / "sentences.jsonl")
        for line in lines:
            told = SentenceRead(
                line["sentence"], line["shown"] or "", len(line["words"]), line["read"], line["noise"], line["known"]
            )
            evidence.note(told, line["n_steps"])
        summary = _rebuilt(folder, about)
        summary["counts"]["read"] = len(lines)
        summary["scores"] = scores_summary(evidence.final())
        write_json(folder / SUMMARY, summary)
    return write_text_report(folder, summary)


def _evolution(folder: Path, about: Facts, summary: Facts | None) -> Path:
    from bci_app.engine.evolution_reopening import reopen_evolution
    from bci_app.engine.evolution_report import write_evolution_report

    seen, outcome = reopen_evolution(folder, about)
    if summary is None:
        rebuilt = _rebuilt(folder, about)
        summary = rebuilt | outcome | {"counts": seen.counts | rebuilt["counts"]}
        write_json(folder / SUMMARY, summary)
    return write_evolution_report(folder, summary, seen)


def _signal(folder: Path, about: Facts, summary: Facts | None) -> Path:
    """Of a recording that nothing read; it has no end of its own, so that closing it is none before its end."""
    summary = summary or _rebuilt(folder, about)
    if summary["ended"] == CLOSED:
        summary["ended"] = BY_HAND
    return write_page(folder, "signal_report.html", summary=summary, quality=session_quality(folder))


def _calibration(folder: Path, about: Facts, summary: Facts | None) -> Path:
    from bci_app.engine.report_calibration import write_calibration_report

    return write_calibration_report(folder, summary or _rebuilt(folder, about))


_WRITERS: dict[str, Callable[[Path, Facts, Facts | None], Path]] = {
    "pictures": _pictures,
    "text": _text,
    "evolution": _evolution,
    "signal": _signal,
    "calibration": _calibration,
}

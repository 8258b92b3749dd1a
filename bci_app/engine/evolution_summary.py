"""What an evolution comes to, as data: ``summary.json`` in its run folder."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from bci_app.contract.anonymity import nameless
from bci_app.engine.evolution_history import GenerationResult
from bci_app.engine.evolution_session import EvolutionSession
from bci_app.engine.evolution_views import EvolutionSnapshot, MeanCurve, Numbers
from bci_app.engine.session_file import now
from bci_app.engine.summary import CLOSED, versions

_DRAWS = 2000
SEALED = "sham.json"


def summarise_evolution(session: EvolutionSession) -> dict[str, Any]:
    """Everything a report needs, in plain numbers; after the session has stopped.

    Of a blind session nothing here tells whether it was a sham.
    """
    ended, seen = session.ended, session.evolution()
    outcome = evolution_outcome(seen, session.run.history.results, int(session.run.state.generation))
    facts: dict[str, Any] = nameless(
        session.plan.about
        | {
            "title": session.title,
            "ended": CLOSED if ended is None else ended.reason,
            "failed": ended is not None and ended.fatal,
            "problems": session.problems,
            "written": now(),
            **outcome,
            "counts": session.counts,
            "stream": session.status().stream,
            "device": session.status().device,
            "versions": versions(),
        }
    )
    return facts


def evolution_outcome(seen: EvolutionSnapshot, results: Sequence[GenerationResult], n_scored: int) -> dict[str, Any]:
    """What came of an evolution of which `n_scored` generations are over, as data."""
    curves = seen.curves
    return {
        "generations": {"scored": n_scored, "planned": seen.n_generations},
        "sham": seen.sham,
        "gain": {"natural": gain(results, "natural"), "prior": gain(results, "prior")},
        "curves": {
            "generations": curves.generations.tolist(),
            "evolved": _curve(curves.evolved),
            "natural": _curve(curves.natural),
            "prior": _curve(curves.prior),
            "best": _numbers(curves.best),
        },
        "best": None if seen.best is None else {"id": seen.best.id, "score": seen.best.score},
        "onsets": {name: _number(value) for name, value in asdict(seen.onsets).items()},
    }


def last_quarter(results: Sequence[GenerationResult]) -> Sequence[GenerationResult]:
    """The last quarter of the scored generations, at least one."""
    return results[len(results) - math.ceil(len(results) / 4) :]


def gain(results: Sequence[GenerationResult], reference: str) -> dict[str, Any] | None:
    """How much higher the responses to evolved pictures are than those to reference pictures, in the last quarter.

    Parameters
    ----------
    results : sequence of GenerationResult
        All of the evolution.
    reference : {"natural", "prior"}
        What they are compared with.

    Returns
    -------
    dict or None
        The difference of the means as ``value`` with the 95 % bootstrap interval ``low`` to ``high`` that resamples pictures on
        both sides (None with fewer than two on one), and the two means. A natural picture, which comes again in each
        generation, counts once. None if one side has no response.
    """
    last = last_quarter(results)
    evolved = _came(np.concatenate([[], *(result.evolved for result in last)]))
    if reference == "natural":
        by_picture: dict[str, list[float]] = defaultdict(list)
        for result in last:
            for name, response in result.natural.items():
                by_picture[name].append(response)
        others = _came(
            np.array([np.mean(came) for each in by_picture.values() if (came := _came(np.array(each))).size])
        )
    else:
        others = _came(np.concatenate([[], *(result.prior for result in last)]))
    if evolved.size == 0 or others.size == 0:
        return None
    low, high = _interval(evolved, others) if min(evolved.size, others.size) > 1 else (None, None)
    return {
        "value": float(evolved.mean() - others.mean()),
        "low": low,
        "high": high,
        "evolved": float(evolved.mean()),
        "reference": float(others.mean()),
        "n_evolved": int(evolved.size),
        "n_reference": int(others.size),
        "generations": len(last),
    }


def _interval(evolved: Numbers, others: Numbers) -> tuple[float, float]:
    """95 % percentile interval of the difference of means, resampling both sides."""
    rng = np.random.default_rng(0)
    one, two = (each[rng.integers(0, each.size, (_DRAWS, each.size))].mean(axis=1) for each in (evolved, others))
    low, high = np.quantile(one - two, (0.025, 0.975))
    return float(low), float(high)


def evolution_verdict(summary: dict[str, Any]) -> str:
    """What the figures allow to say, in one or two sentences."""
    found = {name: summary["gain"][name] for name in ("natural", "prior")}
    if summary["generations"]["scored"] == 0:
        return "No generation was scored, so nothing can be said."
    words = {"natural": "natural reference pictures", "prior": "pictures of the generator that nobody selected"}
    sentences = []
    for name, each in found.items():
        if each is None or each["low"] is None:
            continue
        interval = f"{each['value']:.3g} [{each['low']:.3g}, {each['high']:.3g}] {summary['response']['unit']}".strip()
        how = "above" if each["low"] > 0 else "below" if each["high"] < 0 else "not different from"
        sentences.append(f"{how} those to {words[name]} ({interval})")
    if not sentences:
        return "There were too few reference pictures with a response to compare the evolved ones with. " + _sham(
            summary
        )
    n = next(each["generations"] for each in found.values() if each is not None)
    last = "generation" if n == 1 else f"{n} generations"
    return f"In the last {last} responses to evolved pictures were {' and '.join(sentences)}. " + _sham(summary)


def _sham(summary: dict[str, Any]) -> str:
    if summary["sham"] == "on":
        return "This was a sham: the scores were dealt to the pictures at random, so no rise was to be expected."
    if summary["sham"] == "blind":
        return f"Whether this was a sham is sealed in {SEALED}."
    return "Its control is a sham with the same settings."


def evolution_paragraph(summary: dict[str, Any]) -> str:
    """The summary in one paragraph, for a person."""
    counts, onsets, scored = summary["counts"], summary["onsets"], summary["generations"]["scored"]
    planned = summary["generations"]["planned"]
    words = [
        summary["ended"],
        *([f"{scored} of {planned} generations were scored."] if scored < planned else []),
        f"The response was {summary['response']['words']}.",
        evolution_verdict(summary),
        f"{counts['shown']} presentations: {counts['answered']} answered, {counts['rejected']} rejected as artefacts, "
        f"{counts['missing']} without a response; {counts['shown_again']} were pictures shown again.",
    ]
    if onsets["n"]:
        words.append(
            f"{onsets['late']} of {onsets['n']} pictures came a frame or more late, the worst {onsets['worst_frames']} frames "
            f"at {onsets['refresh_hz']:g} Hz; {onsets['never']} were never painted."
        )
    return " ".join(words)


def _came(responses: Numbers) -> Numbers:
    return responses[~np.isnan(responses)]


def _curve(curve: MeanCurve) -> dict[str, list[float | None]]:
    return {"mean": _numbers(curve.mean), "low": _numbers(curve.low), "high": _numbers(curve.high)}


def _numbers(values: Numbers) -> list[float | None]:
    return [_number(value) for value in values.tolist()]


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else value

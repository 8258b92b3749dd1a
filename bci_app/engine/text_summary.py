"""What a session that reads sentences comes to, as data and in one paragraph."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bci_app.engine.summary import session_facts
from bci_app.engine.text_session import STEPS, TextSession
from bci_app.engine.text_views import SessionScores
from bci_app.text.scores import MATCHED_MINUS_SHUFFLED


def summarise_text(session: TextSession) -> dict[str, Any]:
    """Everything a report needs, in plain numbers; after the session has stopped.

    ``scores`` holds BLEU-1 of what was read from the EEG and from noise, matched and shuffled, each with its interval;
    ``tested`` what the bundle's own test says.
    """
    return session_facts(session) | {"scores": scores_summary(session.final_scores())}


def scores_summary(scores: SessionScores) -> dict[str, Any]:
    """What a session comes to, as data."""
    return asdict(scores) | {"figure": MATCHED_MINUS_SHUFFLED, "chance": 0.0, "enough": scores.enough}


def text_paragraph(summary: dict[str, Any]) -> str:
    """The summary in one paragraph, for a person."""
    scores, n_read, n_not = summary["scores"], summary["counts"]["read"], summary["counts"].get("not_read", 0)
    others = f"; {n_not} could not be read" if n_not else ""
    words = [
        summary["ended"],
        f"Text was generated for {n_read} sentence{'s' if n_read != 1 else ''}{others}.",
        scores["verdict"],
    ]
    if scores["enough"]:
        gap = scores["noise"]["gap"]
        words.append(
            f"The same model fed matched noise: {gap['value']:+.1f} points, 95 % interval {gap['low']:+.1f} to "
            f"{gap['high']:+.1f}."
        )
    score = summary["tested"]["score"]
    figure = score and f": {score['value']:+.1f} points, 95 % interval {score['low']:+.1f} to {score['high']:+.1f}"
    words.append(f"{summary['tested']['verdict']}{figure or ''}.")
    total = summary["latency_ms"].get(STEPS[-1])
    if total:
        words.append(
            f"From the end of a sentence to its first word in Qt: {total['p50']:.0f} ms (median), {total['p99']:.0f} ms (99th "
            "percentile)."
        )
    words.append(f"The model ran on: {summary['device']}.")
    return " ".join(words)

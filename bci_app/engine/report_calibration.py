"""One HTML page about a calibration: what was shown and when, and the decoder that was made of it, if one was kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bci_app.contract.bundle import open_bundle
from bci_app.contract.errors import BciError
from bci_app.contract.lines import read_lines
from bci_app.contract.manifest import DecoderManifest
from bci_app.engine.bad_channels import read_bad_channels
from bci_app.engine.evolution_onsets import OnsetLog
from bci_app.engine.report_page import evenly, inline, write_page
from bci_app.engine.session_quality import session_quality
from bci_app.engine.verdict import verdict_of

DECODER = "decoder"
"""Folder beside the recording in which its decoder is kept."""
_MOST = 120
"""Pictures on the page."""


def write_calibration_report(folder: Path, summary: dict[str, Any]) -> Path:
    """Write ``report.html`` into the folder of a calibration, from its summary, its trials and its decoder.

    Raises
    ------
    RecordingError
        If the disk refuses.
    """
    lines = read_lines(folder / "trials.jsonl")
    log = OnsetLog(line["onset_s"] - line["due_s"] for line in lines)
    decoder, verdict = _made(folder)
    return write_page(
        folder,
        "report_calibration.html",
        summary=summary | {"decoder": decoder},
        verdict=verdict,
        pictures=_pictures(folder, lines),
        onsets=log.row(),
        late_ms=1000 / log.refresh_hz,
        bad=read_bad_channels(folder),
        quality=session_quality(folder),
    )


def _made(folder: Path) -> tuple[dict[str, Any] | None, str]:
    """What is told of the decoder that was kept, and what its figures allow to say."""
    if not (folder / DECODER).is_dir():
        return None, "No decoder of it was kept."
    try:
        bundle = open_bundle(folder / DECODER)
    except BciError as error:
        return None, f"The decoder that was kept cannot be read: {error}"
    manifest = bundle.manifest
    if not isinstance(manifest, DecoderManifest):
        return None, f"What was kept beside it is no decoder but a bundle of kind {manifest.kind}."
    told = {
        "name": manifest.name,
        "digest": bundle.digest,
        "n_channels": len(manifest.channels),
        "metrics": [score.model_dump() for score in manifest.metrics],
    }
    whole = [score for score in manifest.metrics if None not in (score.low, score.noise_input, score.shuffled_pairing)]
    said = verdict_of(whole[0], manifest.signal)[1] if whole else ""
    return told, f"A decoder was made of it, and tried on pictures that it was not made with. {said}"


def _pictures(folder: Path, lines: list[dict[str, Any]]) -> list[dict[str, str]]:
    """What was shown, as data addresses; of many some, at equal distances."""
    shown = [
        {
            "label": " ".join(lines[each]["picture"].split("/")[:-1]),
            "image": inline(folder / "pictures" / f"trial_{lines[each]['trial']:04d}_shown.png"),
        }
        for each in evenly(len(lines), _MOST)
    ]
    return [each for each in shown if each["image"]]

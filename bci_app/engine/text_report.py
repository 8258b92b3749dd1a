"""One HTML page about a session that read sentences: what was shown, read, and made of noise, and the honest table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bci_app.contract.lines import read_lines
from bci_app.engine.report_page import write_page
from bci_app.engine.session_quality import session_quality
from bci_app.engine.text_summary import text_paragraph

INPUTS = (("EEG of the sentence", "eeg"), ("matched Gaussian noise in its place", "noise"))


def write_text_report(folder: Path, summary: dict[str, Any]) -> Path:
    """Write ``report.html`` into the run folder, from its summary and what the recorder kept there.

    Raises
    ------
    RecordingError
        If the disk refuses.
    """
    return write_page(
        folder,
        "text_report.html",
        summary=summary,
        paragraph=text_paragraph(summary),
        inputs=INPUTS,
        sentences=read_lines(folder / "sentences.jsonl"),
        quality=session_quality(folder),
    )

"""A page of a report, with everything inside it: one style, pictures as data addresses, plots as SVG."""

from __future__ import annotations

import base64
import io
import json
from contextlib import suppress
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bci_app.contract.anonymity import nameless
from bci_app.contract.errors import RecordingError
from bci_app.engine.session_file import now, read_session
from bci_app.engine.session_signal import recorded_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


WHAT = {
    "pictures": "Pictures read",
    "text": "Sentences read",
    "evolution": "Pictures evolved",
    "calibration": "Calibration",
    "signal": "Signal recorded",
}
"""What a session of each kind is called."""
COUNTED = {
    "raw_samples": "samples received",
    "gaps": "gaps in the signal",
    "read": "read",
    "not_read": "could not be read",
    "windows_skipped": "windows skipped, a newer one being there",
    "pictures_overwritten": "pictures replaced before they were shown",
    "markers_without_trial": "markers without a whole trial",
    "pictures_shown": "pictures shown",
}
"""What the counts of a session are called."""


def write_page(folder: Path, template: str, **values: Any) -> Path:
    """Fill the `template` that lies beside this file, and write it as ``report.html`` into `folder`, whole or not at all.

    Parameters
    ----------
    folder : Path
        Of the session.
    template : str
        Its name; it extends ``report_base.html``.
    **values
        What it shows, at least ``summary``.

    Raises
    ------
    RecordingError
        If the disk refuses, or a description of the recording cannot be read.
    KeyError
        If the summary lacks what the page tells.
    """
    from jinja2 import Environment, FileSystemLoader, UndefinedError

    environment = Environment(autoescape=True, loader=FileSystemLoader(Path(__file__).parent))
    environment.filters |= {"when": when, "json": lambda content: json.dumps(content, indent=1)}
    summary = nameless(values["summary"])
    what = WHAT.get(summary.get("kind", ""), summary["title"])
    about = {
        "what": what,
        "began": summary.get("began") or _began(folder),
        "recorded": recorded_words(folder),
        "written": now(),
        "counted": COUNTED,
    }
    path = folder / "report.html"
    draft = path.with_suffix(".part")
    try:
        draft.write_text(environment.get_template(template).render(about | values | {"summary": summary}), "utf-8")
        draft.replace(path)
    except UndefinedError as error:
        raise KeyError(str(error)) from None
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise RecordingError(
            f"The report '{path}' could not be written: {error.strerror}. Free space and try again."
        ) from None
    return path


def when(time: str) -> str:
    """A time as it is kept, in words; what is none stays as it is."""
    try:
        return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%d, %H:%M UTC")
    except ValueError:
        return time


def _began(folder: Path) -> str:
    """When the session began, as its folder knows; empty if it does not."""
    try:
        return str(read_session(folder).get("began") or "")
    except RecordingError:
        return ""


def evenly(n: int, most: int) -> list[int]:
    """Which of `n` are shown where `most` have room: all, or as many at equal distances, the first and the last among them."""
    return sorted({round(each) for each in np.linspace(0, n - 1, min(n, most))})


def inline(path: Path) -> str:
    """A PNG file as a data address; empty if there is none."""
    return _address(path.read_bytes()) if path.is_file() else ""


def inline_image(image: NDArray[np.uint8]) -> str:
    """A picture, uint8 (h, w, 3), as a data address."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return _address(buffer.getvalue())


def svg(figure: Figure, shows: str = "the curves that the text below explains") -> str:
    """A figure as an SVG element, and what it shows for those who do not see it."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    told = f'<svg role="img" aria-label="{escape(shows)}"'
    return told + buffer.getvalue().partition("<svg")[2]


def _address(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()

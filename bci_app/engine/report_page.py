"""A page of a report, with everything inside it: one style, pictures as data addresses, plots as SVG."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bci_app.contract.errors import RecordingError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_page(folder: Path, template: str, **values: Any) -> Path:
    """Fill the `template` that lies beside this file, and write it as ``report.html`` into `folder`.

    Raises
    ------
    RecordingError
        If the disk refuses.
    """
    from jinja2 import Environment, FileSystemLoader

    here = Path(__file__).parent
    style = (here / "report_style.html").read_text("utf-8")
    page = Environment(autoescape=True, loader=FileSystemLoader(here)).get_template(template)
    path = folder / "report.html"
    try:
        path.write_text(page.render(style=style, **values), "utf-8")
    except OSError as error:
        raise RecordingError(
            f"The report '{path}' could not be written: {error.strerror}. Free space and try again."
        ) from None
    return path


def inline(path: Path) -> str:
    """A PNG file as a data address; empty if there is none."""
    return _address(path.read_bytes()) if path.is_file() else ""


def inline_image(image: NDArray[np.uint8]) -> str:
    """A picture, uint8 (h, w, 3), as a data address."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return _address(buffer.getvalue())


def svg(figure: Figure) -> str:
    """A figure as an SVG element."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]


def _address(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()

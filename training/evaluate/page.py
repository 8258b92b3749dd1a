"""What the reports share: one style, how figures are written, and drawings and pictures inside the page."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from training.evaluate.batches import Images

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FIRST, SECOND = "#57606a", "#0b62a8", "#b35900"
COLOURS = (FIRST, SECOND, "#2f7d4f", "#7a4fb5", "#a33a5b", INK)


def render(template: str, **values: Any) -> str:
    """The page of a template of this folder; what it shows is escaped, but for drawings."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "count": "{:,}".format}
    page: str = environment.get_template(template).render(**values)
    return page


def percent(value: float | None, digits: int = 0) -> str:
    """A share in hundredths."""
    return "unknown" if value is None else f"{100 * value:.{digits}f} %"


def number(value: float | None) -> str:
    """A figure as the tables show it: three digits after the point when small, fewer when large; empty for None."""
    if value is None:
        return ""
    size = abs(value)
    return f"{value:.{0 if size >= 100 else 1 if size >= 10 else 3}f}"


def png(pixels: Images) -> str:
    """A picture (h, w, 1 or 3) as an address that holds it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, that no window shows."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def plain(axes: Axes) -> None:
    """Only the axes that are needed, in small print."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def svg(figure: Any) -> str:
    """A figure as part of a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]

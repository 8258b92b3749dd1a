"""Colours, sizes and fonts of the window, in one place."""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetricsF, QPalette
from PySide6.QtWidgets import QApplication, QWidget

SMALL_PT = 11
"""Smallest text anywhere in the window, in points."""
BODY_PT = 12
TITLE_PT = 13
GAP_PX = 10
"""Space between panels."""
MID_GREY = 128
"""Level of the empty picture: half way, so neither onset nor offset is a full-contrast flash."""
FALLBACK_FAMILY = "DejaVu Sans"


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one appearance, each named by what it says.

    The data colours follow the Okabe-Ito set, which stays distinct under the common colour vision
    deficiencies.
    No meaning is carried by colour alone: each comes with a word, a shape or a line style.
    """

    name: str
    window: str
    panel: str
    border: str
    text: str
    muted: str
    trace: str
    marker: str
    gap: str
    decoder: str
    noise_twin: str
    evolved: str
    natural: str
    prior: str
    chance: str
    good: str
    warn: str
    bad: str
    warn_fill: str
    info_fill: str


DARK = Theme(
    name="dark",
    window="#14171c",
    panel="#1d2229",
    border="#323a45",
    text="#e9edf2",
    muted="#a9b4c0",
    trace="#b9d3e6",
    marker="#e6a11a",
    gap="#8a6d3b",
    decoder="#56b4e9",
    noise_twin="#e69f00",
    evolved="#56b4e9",
    natural="#e69f00",
    prior="#cc79a7",
    chance="#a9b4c0",
    good="#3fc79a",
    warn="#f0b429",
    bad="#ff9466",
    warn_fill="#4a3a12",
    info_fill="#1c3a50",
)

LIGHT = Theme(
    name="light",
    window="#eceff3",
    panel="#ffffff",
    border="#c9d0d8",
    text="#1a2129",
    muted="#4d5966",
    trace="#1f4e73",
    marker="#8a5600",
    gap="#d9b26a",
    decoder="#0072b2",
    noise_twin="#a85f00",
    evolved="#0072b2",
    natural="#a85f00",
    prior="#a3487c",
    chance="#4d5966",
    good="#00734f",
    warn="#8a5600",
    bad="#b34000",
    warn_fill="#ffe9b8",
    info_fill="#d8ebf8",
)

THEMES = {theme.name: theme for theme in (DARK, LIGHT)}


def font(points: int = BODY_PT, *, bold: bool = False) -> QFont:
    """Font of the window at a size, with digits of equal width.

    Parameters
    ----------
    points : int
        Size in points.
    bold : bool
        Whether the weight is bold.

    Returns
    -------
    QFont
        The font; a number written in it does not move when its digits change.
    """
    chosen = QFont(family())
    chosen.setPointSize(points)
    chosen.setBold(bold)
    chosen.setFeature(QFont.Tag("tnum"), 1)
    return chosen


@functools.cache
def family() -> str:
    """Name of the font family in use: the desktop's own, or DejaVu Sans where the machine has no fonts."""
    general = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).family()
    # The list of families is no help: without any font file it still names "Sans Serif", which draws nothing.
    if QFontMetricsF(QFont(general)).inFont("H"):
        return general
    _load_shipped_fonts()
    return FALLBACK_FAMILY


def _load_shipped_fonts() -> None:
    """Register the DejaVu fonts that matplotlib installs; a bare server has none of its own."""
    # found, not imported: importing matplotlib costs half a second
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"):
        QFontDatabase.addApplicationFont(str(folder / name))


def dress(app: QApplication, theme: Theme) -> None:
    """Give the whole application the theme's font, palette and style sheet.

    Parameters
    ----------
    app : QApplication
        The application, before its first window is made.
    theme : Theme
        The appearance.
    """
    app.setStyle("Fusion")
    app.setFont(font())
    app.setPalette(palette(theme))
    app.setStyleSheet(style_sheet(theme))


def palette(theme: Theme) -> QPalette:
    """Qt palette of the theme, for what no style sheet reaches."""
    roles = {
        QPalette.ColorRole.Window: theme.window,
        QPalette.ColorRole.WindowText: theme.text,
        QPalette.ColorRole.Base: theme.panel,
        QPalette.ColorRole.AlternateBase: theme.window,
        QPalette.ColorRole.Text: theme.text,
        QPalette.ColorRole.Button: theme.panel,
        QPalette.ColorRole.ButtonText: theme.text,
        QPalette.ColorRole.ToolTipBase: theme.panel,
        QPalette.ColorRole.ToolTipText: theme.text,
        QPalette.ColorRole.Highlight: theme.decoder,
        QPalette.ColorRole.HighlightedText: theme.panel,
        QPalette.ColorRole.PlaceholderText: theme.muted,
    }
    made = QPalette()
    for role, colour in roles.items():
        made.setColor(role, QColor(colour))
    return made


def style_sheet(theme: Theme) -> str:
    """Qt style sheet of the theme; widgets are addressed by their object names."""
    frame = "border-radius: 8px; border: 1px solid"
    return f"""
    QMainWindow, QWidget#body {{ background: {theme.window}; }}
    QFrame#panel {{ background: {theme.panel}; {frame} {theme.border}; }}
    QLabel {{ background: transparent; color: {theme.text}; }}
    QLabel[role="muted"] {{ color: {theme.muted}; }}
    QFrame#chip {{ background: {theme.panel}; {frame} {theme.border}; }}
    QLabel#badge {{ color: {theme.warn}; border: 2px solid {theme.warn}; }}
    QLabel#badge {{ border-radius: 6px; padding: 1px 4px; }}
    QFrame#banner[tone="warn"] {{ background: {theme.warn_fill}; {frame} {theme.warn}; }}
    QFrame#banner[tone="info"] {{ background: {theme.info_fill}; {frame} {theme.decoder}; }}
    QFrame#banner QLabel {{ color: {theme.text}; }}
    QFrame#help {{ background: {theme.panel}; border: 2px solid {theme.decoder}; border-radius: 10px; }}
    QProgressBar {{ background: {theme.border}; border: none; border-radius: 3px; }}
    QProgressBar::chunk {{ background: {theme.decoder}; border-radius: 3px; }}
    QSplitter::handle {{ background: transparent; }}
    QSplitter::handle:hover {{ background: {theme.border}; border-radius: 3px; }}
    QTableWidget {{ background: transparent; border: 1px solid transparent; color: {theme.text}; }}
    QTableWidget:focus {{ border-color: {theme.decoder}; border-radius: 4px; }}
    QHeaderView, QHeaderView::section {{ background: transparent; border: none; color: {theme.muted}; }}
    QHeaderView::section {{ padding: 2px 4px; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0px; }}
    QScrollBar::handle:vertical {{ background: {theme.border}; border-radius: 4px; min-height: 24px; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0px; }}
    QScrollBar::handle:horizontal {{ background: {theme.border}; border-radius: 4px; min-width: 24px; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ height: 0px; width: 0px; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    QCheckBox::indicator {{ width: 14px; height: 14px; border-radius: 4px; border: 2px solid {theme.muted}; }}
    QCheckBox::indicator:checked {{ background: {theme.decoder}; border-color: {theme.text}; }}
    QCheckBox::indicator:focus {{ border-color: {theme.decoder}; }}
    QPushButton {{ background: {theme.window}; color: {theme.text}; {frame} {theme.border}; padding: 5px 10px; }}
    QPushButton:hover, QPushButton:focus {{ border-color: {theme.decoder}; }}
    QPushButton:checked {{ background: {theme.info_fill}; border-color: {theme.decoder}; font-weight: bold; }}
    QPushButton#page {{ text-align: left; }}
    QLineEdit {{ background: {theme.window}; color: {theme.text}; {frame} {theme.border}; padding: 4px 8px; }}
    QLineEdit:focus {{ border-color: {theme.decoder}; }}
    QTableWidget::item:selected {{ background: {theme.info_fill}; color: {theme.text}; }}
    QPushButton:pressed {{ background: {theme.border}; }}
    QPushButton:disabled, QLineEdit:disabled {{ color: {theme.muted}; }}
    QLineEdit:disabled {{ background: transparent; }}
    QComboBox:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled {{ color: {theme.muted}; }}
    QToolTip {{ background: {theme.panel}; color: {theme.text}; border: 1px solid {theme.border}; }}
    """


def hold(widget: QWidget, colours: Theme) -> None:
    """Let a widget keep its colours when those of the program change: traces and curves were made for this ground."""
    if not widget.styleSheet():  # else they are held already
        widget.setStyleSheet(style_sheet(colours))
        widget.setPalette(palette(colours))

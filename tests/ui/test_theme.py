"""Text can be read, numbers do not jump."""

from __future__ import annotations

import re

import pytest
from PySide6.QtGui import QColor, QFontMetricsF
from PySide6.QtWidgets import QApplication

from bci_app.ui import theme


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = (value / 255 for value in QColor(colour).getRgb()[:3])
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", theme.THEMES.values(), ids=lambda colours: colours.name)
@pytest.mark.parametrize("ink", ["text", "muted", "good", "warn", "bad", "marker"])
def test_every_written_colour_stands_out_from_its_ground(colours: theme.Theme, ink: str) -> None:
    for ground in (colours.panel, colours.window):
        assert _contrast(getattr(colours, ink), ground) >= 4.5


@pytest.mark.parametrize("colours", theme.THEMES.values(), ids=lambda colours: colours.name)
def test_every_drawn_line_stands_out_from_its_panel(colours: theme.Theme) -> None:
    for line in (colours.trace, colours.decoder, colours.noise_twin, colours.chance):
        assert _contrast(line, colours.panel) >= 3.0
    for fill in (colours.warn_fill, colours.info_fill):
        assert _contrast(colours.text, fill) >= 4.5


@pytest.mark.parametrize("colours", theme.THEMES.values(), ids=lambda colours: colours.name)
def test_no_large_area_is_saturated_red(colours: theme.Theme) -> None:
    """Red changes are the most dangerous flashes; a banner comes and goes."""
    for fill in (colours.warn_fill, colours.info_fill, colours.window, colours.panel):
        red, green, blue, _alpha = QColor(fill).getRgb()
        assert red / (red + green + blue) < 0.8


def test_no_text_is_smaller_than_eleven_points() -> None:
    assert min(theme.SMALL_PT, theme.BODY_PT, theme.TITLE_PT) >= 11


def test_all_digits_are_equally_wide(qapp: QApplication) -> None:
    metrics = QFontMetricsF(theme.font(theme.SMALL_PT))
    assert len({metrics.horizontalAdvance(digit) for digit in "0123456789"}) == 1


def test_style_sheet_holds_no_empty_colour() -> None:
    for colours in theme.THEMES.values():
        assert not re.search(r":\s*;", theme.style_sheet(colours))

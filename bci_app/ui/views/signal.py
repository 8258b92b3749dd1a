"""The signal, scrolling or sweeping: its channels, markers, gaps, a scale bar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from bci_app.contract.units import Unit
from bci_app.engine.views import SignalSnapshot, SignalWords
from bci_app.pictures.shown import picture_label
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.envelope import envelope, step_for
from bci_app.ui.views.steps import SCALES, bar_rows, fitting_scale, step, ticks
from bci_app.ui.views.sweep import pen_up, swept, swept_pieces
from bci_app.ui.views.text import PlainLabel

UNITS: dict[Unit, str] = {"uV": "µV", "count": "spikes", "au": "a.u."}
SPANS_S = (2.0, 5.0, 10.0)
"""Lengths of the picture, in seconds, that the left and right keys step through."""
SLOW_HZ = 20.0
SLOW_SPANS_S = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""The same for slower signals."""
USUAL_SAMPLES = 40
"""Samples of a slow signal in the first picture, at least."""
SAMPLES_TO_SCALE = 8
LABEL_LETTERS = 12
MARGIN = 0.05
"""Room at the right of the newest sample, as a share of the picture, for the scale bar."""
CLIP_ROWS = 2.5
"""A trace leaves its row by at most this many rows, so one popping electrode does not cover all others."""


class SignalView(QWidget):
    """Traces of the newest seconds: the newest sample at the right edge, or, sweeping, where it overwrites the oldest.

    Parameters
    ----------
    colours : Theme
        Appearance.
    words : SignalWords
        What is drawn. EEG is drawn as it is, 50 microvolts to a row; other traces round their own median, to a scale that
        fits the first of them.
    """

    def __init__(self, colours: Theme = theme.DARK, *, words: SignalWords | None = None) -> None:
        super().__init__()
        self._colours = colours
        self._take_words(words or SignalWords())
        self._frozen = self._sweeps = False
        self._channels: tuple[str, ...] = ()
        self._bad: tuple[str, ...] = ()
        self._offsets: npt.NDArray[np.float32] = np.zeros((0, 1), dtype=np.float32)
        self._snapshot: SignalSnapshot | None = None
        self._labels: list[pg.TextItem] = []
        self._shades: list[pg.LinearRegionItem] = []
        self._build()

    def _take_words(self, words: SignalWords) -> None:
        self._unit: Unit = words.unit
        self._scale = 50.0
        self._scale_fits = words.unit == "uV"
        self._centred = words.unit != "uV"
        self._spans_s = SPANS_S if words.sfreq > SLOW_HZ else SLOW_SPANS_S
        long_enough = [each for each in self._spans_s if each * words.sfreq >= USUAL_SAMPLES]
        self._span_s = 5.0 if words.sfreq > SLOW_HZ else min(long_enough, default=self._spans_s[-1])

    @property
    def span_s(self) -> float:
        """Length of the picture in seconds."""
        return self._span_s

    @property
    def scale(self) -> float:
        """Distance between neighbouring traces, in the unit of the signal."""
        return self._scale

    @property
    def scale_text(self) -> str:
        """The same in words, such as ``50 µV``."""
        return f"{self._scale:g} {UNITS[self._unit]}"

    @property
    def frozen(self) -> bool:
        """Whether the picture stands still."""
        return self._frozen

    @property
    def sweeps(self) -> bool:
        """Whether new samples overwrite old ones in place, instead of pushing them to the left."""
        return self._sweeps

    @property
    def row_names(self) -> tuple[str, ...]:
        """What is written beside the rows, from the top; with many channels not beside each."""
        return tuple(name for _, name in self._row_ticks())

    @property
    def points(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The drawn points, x in seconds before the newest sample, or the right edge, and y in rows; NaN lifts the pen."""
        x, y = self._curve.getData()
        empty = np.zeros(0)
        return (empty, empty) if x is None else (x, y)

    @property
    def marker_labels(self) -> tuple[str, ...]:
        """Labels of the markers in the picture."""
        return tuple(item.toPlainText() for item in self._labels if item.isVisible())

    @property
    def shaded(self) -> tuple[tuple[float, float], ...]:
        """From where to where gaps are shaded, in seconds before the newest sample or the right edge."""
        return tuple(shade.getRegion() for shade in self._shades if shade.isVisible())

    def show_snapshot(self, snapshot: SignalSnapshot | None) -> None:
        """Draw a stretch of signal; nothing moves while frozen.

        Parameters
        ----------
        snapshot : SignalSnapshot or None
            `data` (n_channels, n_times); None where no sample has come yet.
        """
        if snapshot is None or self._frozen or snapshot.times.size == 0:
            return
        self._snapshot = snapshot
        self._message.hide()
        if snapshot.channels != self._channels:
            self._set_channels(snapshot.channels)
        if not self._scale_fits and snapshot.times.size >= SAMPLES_TO_SCALE:
            self._scale, self._scale_fits = fitting_scale(snapshot.data), True
            self._rescale()
        newest = float(snapshot.times[-1])
        self._draw_traces(snapshot, newest)
        self._draw_markers(snapshot, newest)
        self._draw_gaps(snapshot, newest)

    def set_words(self, words: SignalWords) -> None:
        """Draw another signal from now on, beginning with its usual scale and length."""
        self._take_words(words)
        self._snapshot, self._channels = None, ()
        self._curve.setData([], [])
        self._message.show()
        self._rescale()

    def set_window(self, scale: float | None, span_s: float | None) -> None:
        """Draw at a scale and length of before, where there are such steps for this signal."""
        if scale is not None and scale in SCALES:
            self._scale, self._scale_fits = scale, True
        if span_s is not None and span_s in self._spans_s:
            self._span_s = span_s
        self._rescale()

    def set_frozen(self, frozen: bool) -> None:
        """Hold the picture still, or let it run again."""
        self._frozen = frozen

    def set_sweeps(self, sweeps: bool) -> None:
        """Sweep, or scroll."""
        self._sweeps = sweeps
        self._rescale()

    def set_centred(self, centred: bool) -> None:
        """Draw each trace round its own median: a signal without a high-pass filter stands anywhere."""
        self._centred = centred
        self._rescale()

    def set_bad(self, channels: tuple[str, ...]) -> None:
        """Cross out the names of `channels`; their traces stay."""
        if channels != self._bad:
            self._bad = channels
            self._name_ticks()

    def change_scale(self, larger: bool) -> float:
        """Make the traces larger or smaller by one step; the new distance between rows."""
        self._scale, self._scale_fits = step(SCALES, self._scale, -1 if larger else 1), True
        self._rescale()
        return self._scale

    def change_span(self, longer: bool) -> float:
        """Show a longer or shorter stretch by one step; the new length in seconds."""
        self._span_s = step(self._spans_s, self._span_s, 1 if longer else -1)
        self._rescale()
        return self._span_s

    def _build(self) -> None:
        colours = self._colours
        self._plot = pg.PlotWidget(background=colours.panel)
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._plot.setMinimumSize(160, 120)
        item = self._plot.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setMouseEnabled(False, False)
        item.disableAutoRange()
        dress_axis(item.getAxis("bottom"), colours)
        dress_axis(item.getAxis("left"), colours)
        item.getAxis("left").setStyle(tickLength=0)
        item.getAxis("bottom").setStyle(hideOverlappingLabels=False)
        item.layout.setContentsMargins(0, 0, 16, 0)  # half of "now" stands right of the newest sample
        pen = pg.mkPen(colours.trace, width=1, cosmetic=True)
        self._curve = pg.PlotCurveItem(pen=pen, antialias=False)
        self._curve.setSegmentedLineMode("off")
        self._lines = pg.PlotCurveItem(pen=pg.mkPen(colours.marker, width=1, cosmetic=True), antialias=False)
        self._bar = pg.PlotCurveItem(pen=pg.mkPen(colours.text, width=2, cosmetic=True), antialias=False)
        self._bar_label = self._text_item(colours.text, anchor=(1.0, 0.5))
        for part in (self._lines, self._curve, self._bar, self._bar_label):
            item.addItem(part, ignoreBounds=True)
        self._bar_label.setZValue(10)
        self._message = PlainLabel("No samples yet", muted=True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._message)
        layout.addWidget(self._plot, 1)
        self._rescale()

    def _text_item(self, colour: str, anchor: tuple[float, float], angle: float = 0.0) -> pg.TextItem:
        fill = QColor(self._colours.panel)
        fill.setAlpha(210)
        item = pg.TextItem("", color=colour, anchor=anchor, angle=angle, fill=fill)
        item.setFont(theme.font(theme.SMALL_PT))
        return item

    def _rescale(self) -> None:
        """Set ranges, names and scale bar, then draw the last snapshot again: it also shows while frozen."""
        rows = max(1, len(self._channels))
        item = self._plot.getPlotItem()
        item.setXRange(-self._span_s, MARGIN * self._span_s, padding=0)
        item.setYRange(-rows + 0.2, 1.4, padding=0)
        self._name_ticks()
        length = bar_rows(rows)
        x, y = 0.5 * MARGIN * self._span_s, -rows + 0.5
        self._bar.setData([x, x], [y, y + length])
        self._bar_label.setText(f"{length * self._scale:g} {UNITS[self._unit]}")
        self._bar_label.setPos(x - 0.01 * self._span_s, y + length / 2)
        if self._snapshot is not None and self._channels:
            newest = float(self._snapshot.times[-1])
            self._draw_traces(self._snapshot, newest)
            self._draw_markers(self._snapshot, newest)
            self._draw_gaps(self._snapshot, newest)

    def _set_channels(self, channels: tuple[str, ...]) -> None:
        self._channels = channels
        self._offsets = -np.arange(len(channels), dtype=np.float32)[:, np.newaxis]
        self._rescale()

    def _name_ticks(self) -> None:
        """Name as many seconds and rows as fit without touching each other."""
        at = ticks(self._span_s, max(2, self._plot.width() // 70))
        if self._sweeps:
            seconds = [(value - self._span_s, f"{value:g} s") for value in at]
        else:
            seconds = [(-value, f"−{value:g} s" if value else "now") for value in at]
        self._plot.getPlotItem().getAxis("bottom").setTicks([seconds])
        self._plot.getPlotItem().getAxis("left").setTicks([self._row_ticks()])

    def _row_ticks(self) -> list[tuple[int, str]]:
        line_px = self.fontMetrics().height()
        every = max(1, -(-len(self._channels) * line_px // max(1, self._plot.height() - 30)))
        names, bad = self._channels, self._bad
        groups = (range(first, min(first + every, len(names))) for first in range(0, len(names), every))
        rows = [next((row for row in group if names[row] in bad), group[0]) for group in groups]
        crossed = [row for row in rows if names[row] in bad]
        apart = [row for row in rows if row in crossed or all(abs(row - each) >= every for each in crossed)]
        return [(-row, ("✕ " if row in crossed else "") + names[row][:LABEL_LETTERS]) for row in apart]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Name more or fewer seconds and rows."""
        super().resizeEvent(event)
        self._name_ticks()

    def _draw_traces(self, snapshot: SignalSnapshot, newest: float) -> None:
        n_channels, n_times = snapshot.data.shape
        width_px = max(1, int(self._plot.getPlotItem().vb.width()))
        size = step_for(n_times, n_channels, width_px)
        skip = -round(float(snapshot.times[0]) * snapshot.sfreq) % size
        if n_times - skip < size:
            return
        points = envelope(snapshot.data, size, skip)
        if self._centred:
            points = points - np.median(points, axis=1, keepdims=True)
        n_points = points.shape[1]
        y = np.full((n_channels, n_points + 1), np.nan, dtype=np.float32)  # a NaN at the end lifts the pen
        np.divide(points, self._scale, out=y[:, :n_points])
        np.clip(y, -CLIP_ROWS, CLIP_ROWS, out=y)
        y += self._offsets
        times = snapshot.times[skip::size]
        per_bin = 1 if size == 1 else 2
        x = np.append(np.repeat(times, per_bin)[:n_points], newest) - newest
        for gap in snapshot.gaps:
            column = int(np.searchsorted(times, gap))
            first = column * per_bin
            y[:, max(0, first - 1) : first + 1] = np.nan
        if self._sweeps:
            before, x = x, swept(x, newest, self._span_s)
            y[:, pen_up(before, x, self._span_s)] = np.nan
        self._curve.setData(np.tile(x, n_channels), y.ravel(), connect="finite")

    def _draw_markers(self, snapshot: SignalSnapshot, newest: float) -> None:
        shown = [marker for marker in snapshot.markers if newest - self._span_s <= marker.time <= newest]
        shown = sorted(shown[-12:], key=lambda marker: self._x_of(marker.time, newest))
        at = [self._x_of(marker.time, newest) for marker in shown]
        x = np.repeat(at, 2)
        y = np.tile([-len(self._channels) + 0.2, 1.4], len(shown))
        self._lines.setData(x, y, connect="pairs")
        while len(self._labels) < len(shown):
            label = self._text_item(self._colours.marker, anchor=(1.0, 0.0), angle=90)  # beside its line, upwards
            self._plot.getPlotItem().addItem(label, ignoreBounds=True)
            self._labels.append(label)
        for index, label in enumerate(self._labels):
            label.setVisible(index < len(shown))
            if index < len(shown):
                _relabel(label, shown[index].label)
                label.setPos(at[index], 1.4)
                following = at[index + 1] if index + 1 < len(shown) else MARGIN * self._span_s
                label.setVisible(label.pos().x() + self._line_s() <= following)

    def _x_of(self, time_s: float, newest: float) -> float:
        """Where in the picture a time stands."""
        before = time_s - newest
        return float(swept(np.array([before]), newest, self._span_s)[0]) if self._sweeps else before

    def _line_s(self) -> float:
        """Height of a line of text, in seconds of the picture."""
        per_pixel = (1 + MARGIN) * self._span_s / max(1.0, self._plot.getPlotItem().vb.width())
        return float(self.fontMetrics().height() * per_pixel)

    def _draw_gaps(self, snapshot: SignalSnapshot, newest: float) -> None:
        stretches = gap_stretches(snapshot.times, snapshot.gaps, least_s=0.006 * self._span_s)
        if self._sweeps:
            pieces = [piece for each in stretches for piece in swept_pieces(*each, newest, self._span_s)]
        else:
            pieces = [(start - newest, stop - newest) for start, stop in stretches]
        while len(self._shades) < len(pieces):
            fill = QColor(self._colours.gap)
            fill.setAlpha(110)
            shade = pg.LinearRegionItem(movable=False, brush=fill, pen=pg.mkPen(self._colours.gap, width=1))
            shade.setZValue(-10)
            self._plot.getPlotItem().addItem(shade, ignoreBounds=True)
            self._shades.append(shade)
        for index, shade in enumerate(self._shades):
            shade.setVisible(index < len(pieces))
            if index < len(pieces):
                shade.setRegion(pieces[index])


def gap_stretches(
    times: npt.NDArray[np.float64], gaps: Sequence[float], *, least_s: float
) -> list[tuple[float, float]]:
    """Where to shade: from the last sample before each gap to the first after it.

    Parameters
    ----------
    times : float64 array (n_times,)
        Times of the samples in seconds.
    gaps : sequence of float
        Time of the first sample after each gap, in seconds.
    least_s : float
        Shortest stretch, in seconds, so that a short gap can still be seen.

    Returns
    -------
    list of (float, float)
        Start and stop, in seconds, of the gaps inside the picture.
    """
    stretches = []
    for gap in gaps:
        index = int(np.searchsorted(times, gap))
        if 0 < index < times.size:
            stop = float(times[index])
            stretches.append((min(float(times[index - 1]), stop - least_s), stop))
    return stretches


def dress_axis(axis: pg.AxisItem, colours: Theme) -> None:
    """Give a pyqtgraph axis the theme's font and colours."""
    axis.setTickFont(theme.font(theme.SMALL_PT))
    axis.setTextPen(colours.muted)
    axis.setPen(pg.mkPen(colours.border, width=1))


def short_label(label: str) -> str:
    """A marker in few letters: of a picture's id, ``family/label/hash``, the middle part; live as in a replay."""
    parts = picture_label(label).split("/")
    name = parts[1] if len(parts) == 3 else label
    return name if len(name) <= LABEL_LETTERS else name[: LABEL_LETTERS - 1] + "…"


def _relabel(item: pg.TextItem, label: str) -> None:
    short = short_label(label)
    if item.toPlainText() != short:
        item.setPlainText(short)

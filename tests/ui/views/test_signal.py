"""The EEG view draws what it is given, where it belongs."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from bci_app.contract.signal import Marker
from bci_app.engine.views import SignalSnapshot, SignalWords
from bci_app.ui.views.signal import CLIP_ROWS, SignalView, gap_stretches, short_label
from bci_app.ui.views.steps import SCALES, fitting_scale

SFREQ = 100.0


@pytest.fixture
def view(qapp: QApplication) -> Iterator[SignalView]:
    made = SignalView()
    made.resize(500, 400)
    made.show()
    qapp.processEvents()
    yield made
    made.close()
    made.deleteLater()


def snapshot(
    data: np.ndarray, markers: tuple[Marker, ...] = (), gaps: tuple[float, ...] = (), start_s: float = 10.0
) -> SignalSnapshot:
    names = tuple(f"E{number}" for number in range(len(data)))
    times = start_s + np.arange(data.shape[1]) / SFREQ
    return SignalSnapshot(names, SFREQ, data.astype(np.float32), times, markers, gaps)


def test_each_channel_is_a_row_in_its_place_with_the_pen_lifted_after_it(view: SignalView) -> None:
    data = np.array([[0.0] * 300, [25.0] * 300, [-50.0] * 300])
    view.show_snapshot(snapshot(data))
    x, y = view.points
    rows = y.reshape(3, 301)
    assert np.allclose(rows[0, :300], 0.0)
    assert np.allclose(rows[1, :300], -1.0 + 0.5)  # 25 of the 50 microvolts of a row
    assert np.allclose(rows[2, :300], -2.0 - 1.0)
    assert np.isnan(rows[:, 300]).all()
    assert x.reshape(3, 301)[0, 299] == 0.0
    assert x.reshape(3, 301)[0, 0] == pytest.approx(-2.99)


def test_long_signal_is_thinned_to_two_points_a_pixel(view: SignalView) -> None:
    view.show_snapshot(snapshot(np.random.default_rng(0).standard_normal((4, 20_000))))
    x, y = view.points
    assert x.size == y.size
    assert x.size <= 4 * (2 * view.width() + 1)


def test_bins_stay_on_the_same_samples_while_the_picture_scrolls(view: SignalView) -> None:
    data = np.random.default_rng(0).standard_normal((1, 4000))
    drawn = []
    for first in (0, 1, 5):
        view.show_snapshot(snapshot(data[:, first : first + 3500], start_s=10.0 + first / SFREQ))
        values = view.points[1]
        drawn.append(values[np.isfinite(values)])
    assert set(np.round(drawn[1][10:-10], 5)) <= set(np.round(drawn[0], 5))
    assert set(np.round(drawn[2][10:-20], 5)) <= set(np.round(drawn[0], 5))


def test_popping_channel_does_not_cover_the_others(view: SignalView) -> None:
    data = np.zeros((3, 300))
    data[1, 100] = 1e6
    view.show_snapshot(snapshot(data))
    assert np.nanmax(view.points[1]) == pytest.approx(-1.0 + CLIP_ROWS)


def test_markers_in_the_picture_are_named_and_older_ones_left_out(view: SignalView) -> None:
    markers = (
        Marker(2.0, "too old"),
        Marker(11.0, "go"),
        Marker(12.0, "digits/seven/0123456789ab"),
        Marker(13.0, "<b>x</b>"),
    )
    view.show_snapshot(snapshot(np.zeros((4, 400)), markers))
    assert view.marker_labels == ("go", "seven", "<b>x</b>")


def test_markers_that_stand_too_close_keep_their_lines_but_not_all_names(view: SignalView) -> None:
    markers = tuple(Marker(12.0 + 0.01 * number, f"m{number}") for number in range(8))
    view.show_snapshot(snapshot(np.zeros((4, 400)), markers))
    assert view.marker_labels == ("m7",)


def test_gap_is_shaded_and_the_trace_is_broken_there(view: SignalView) -> None:
    whole = snapshot(np.zeros((2, 400)))
    kept = np.r_[0:200, 250:400]
    cut = SignalSnapshot(whole.channels, SFREQ, whole.data[:, kept], whole.times[kept], (), (float(whole.times[250]),))
    view.show_snapshot(cut)
    assert view.shaded == (pytest.approx((-2.0, -1.49)),)
    row = view.points[1][: kept.size]
    assert np.flatnonzero(np.isnan(row)).tolist() == [199, 200]
    view.show_snapshot(whole)
    assert view.shaded == ()


def test_gap_reaches_from_the_last_sample_before_to_the_first_after() -> None:
    times = np.array([0.0, 0.1, 0.2, 0.9, 1.0])
    assert gap_stretches(times, (0.9,), least_s=0.01) == [(0.2, 0.9)]
    assert gap_stretches(times, (0.1,), least_s=0.5) == [(pytest.approx(-0.4), 0.1)]
    assert gap_stretches(times, (5.0, -1.0), least_s=0.01) == []


def test_frozen_view_can_still_be_rescaled(view: SignalView) -> None:
    view.show_snapshot(snapshot(np.full((2, 300), 25.0)))
    view.set_frozen(True)
    view.show_snapshot(snapshot(np.full((2, 300), 50.0)))
    assert view.points[1][0] == pytest.approx(0.5)
    view.change_scale(larger=True)
    assert view.points[1][0] == pytest.approx(25.0 / 20.0)


def test_nothing_is_drawn_before_the_first_sample(view: SignalView) -> None:
    view.show_snapshot(None)
    view.show_snapshot(snapshot(np.zeros((2, 0))))
    assert view.points[0].size == 0


def test_missing_samples_leave_a_hole_and_no_warning(view: SignalView) -> None:
    data = np.zeros((2, 300))
    data[0, 50:60] = np.nan
    view.show_snapshot(snapshot(data))
    view.grab()
    assert np.isnan(view.points[1][50:60]).all()


def test_ids_of_pictures_are_shortened_to_what_they_show() -> None:
    assert short_label("shapes/red-square/0123456789ab") == "red-square"
    assert short_label("shown/shapes/red-square/0123456789ab") == "red-square"  # as a replay tells it
    assert short_label("a-very-long-marker-name") == "a-very-long…"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal since Python 3.12")
def test_painting_loses_no_references_to_none(view: SignalView) -> None:
    """Some versions of Qt for Python lose hundreds per paint, until the process aborts."""
    drawn = snapshot(np.random.default_rng(0).standard_normal((8, 400)), (Marker(12.0, "go"),))
    view.show_snapshot(drawn)
    view.grab()
    before = sys.getrefcount(None)
    for _ in range(50):
        view.show_snapshot(drawn)
        view.grab()
    assert sys.getrefcount(None) > before - 100


def test_voxels_are_drawn_round_their_median_to_a_scale_that_fits_them(qapp: QApplication) -> None:
    view = SignalView(words=SignalWords("fMRI", "voxels", 2, "au", 0.4))
    view.resize(500, 400)
    view.show()
    swing = 7.0 * np.tile([-1.0, 1.0, 0.0], 4)
    data = np.array([1000 + swing, 300 - swing], np.float32)
    for n in (7, 12):
        times = 2.5 * np.arange(n)
        view.show_snapshot(SignalSnapshot(("v0", "v1"), 0.4, data[:, :n], times, (), ()))
        assert view.scale == (50.0 if n < 8 else 20.0)  # three times a spread of 5.7, rounded up
    _x, y = view.points
    rows = y.reshape(2, 13)[:, :12]
    np.testing.assert_allclose(rows, np.array([swing, -20 - swing]) / 20, atol=1e-5)
    view.change_scale(larger=True)
    view.show_snapshot(SignalSnapshot(("v0", "v1"), 0.4, 9 * data, times, (), ()))
    assert view.scale == 10.0
    view.close()
    view.deleteLater()


@pytest.mark.parametrize(("sfreq", "span_s"), [(0.1, 600.0), (0.4, 120.0), (2.0, 30.0), (20.0, 10.0), (21.0, 5.0)])
def test_the_first_stretch_of_a_slow_signal_holds_forty_samples(
    qapp: QApplication, sfreq: float, span_s: float
) -> None:
    view = SignalView(words=SignalWords(sfreq=sfreq))
    assert view.span_s == span_s
    view.close()
    view.deleteLater()


def test_without_a_moving_channel_the_scale_is_that_of_a_spread_of_one() -> None:
    assert fitting_scale(np.ones((3, 9), np.float32)) == 5.0
    assert fitting_scale(1e9 * np.arange(9, dtype=np.float32)[None]) == SCALES[-1]

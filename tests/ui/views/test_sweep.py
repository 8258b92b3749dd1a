"""Sweeping: every sample keeps its place until it is overwritten."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from bci_app.contract.signal import Marker
from bci_app.engine.views import SignalSnapshot
from bci_app.ui.views.signal import SignalView
from bci_app.ui.views.sweep import AHEAD, pen_up, swept, swept_pieces

SFREQ, SPAN_S = 100.0, 5.0


@pytest.fixture
def view(qapp: QApplication) -> Iterator[SignalView]:
    made = SignalView()
    made.set_sweeps(True)
    made.resize(900, 400)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def snapshot(last_s: float, markers: tuple[Marker, ...] = (), gaps: tuple[float, ...] = ()) -> SignalSnapshot:
    """Five seconds whose samples hold their own times."""
    times = last_s - np.arange(499, -1, -1) / SFREQ
    return SignalSnapshot(("a", "b"), SFREQ, np.tile(times, (2, 1)).astype(np.float32), times, markers, gaps)


def test_a_sample_stands_at_its_time_modulo_the_length_of_the_picture() -> None:
    seconds = np.array([-4.0, -1.0, 0.0])
    np.testing.assert_allclose(swept(seconds, 12.5, SPAN_S), [3.5 - 5, 1.5 - 5, 2.5 - 5])
    np.testing.assert_allclose(swept(seconds, 16.0, SPAN_S), [2 - 5, 0 - 5, 1 - 5])


def test_the_pen_is_lifted_in_the_gap_and_at_the_right_edge() -> None:
    seconds = np.arange(-4.95, 0.0, 0.1)
    x = swept(seconds, 12.5, SPAN_S)
    up = pen_up(seconds, x, SPAN_S)
    assert np.flatnonzero(up).tolist() == [0, 1, int(np.flatnonzero(np.diff(x) < 0)[0])]
    assert seconds[1] < -(1 - AHEAD) * SPAN_S < seconds[2]


def test_what_is_drawn_does_not_move_while_new_samples_come(view: SignalView) -> None:
    drawn = []
    for last_s in (12.0, 12.4):
        view.show_snapshot(snapshot(last_s))
        x, y = view.points
        row = slice(0, len(x) // 2 - 1)
        drawn.append({round(at, 6): value for at, value in zip(x[row], y[row], strict=True) if np.isfinite(value)})
    first, second = drawn
    shared = first.keys() & second.keys()
    assert len(shared) > 400
    changed = [at for at in shared if first[at] != second[at]]
    assert 18 <= len(changed) <= 22  # 0.4 s were overwritten, of which the gap had hidden 0.2 s
    assert all(2.18 <= at + SPAN_S <= 2.41 for at in changed)


def test_markers_and_gaps_stand_at_their_samples(view: SignalView) -> None:
    markers = (Marker(8.5, "old"), Marker(11.0, "new"), Marker(7.2, "overwritten soon"))
    view.show_snapshot(snapshot(12.0, markers, gaps=(9.0,)))
    assert view.marker_labels == ("new", "overwritten…", "old")  # from the left: 1.0, 2.2 and 3.5 s
    assert len(view.shaded) == 1
    assert view.shaded[0][1] == pytest.approx(4.0 - SPAN_S)


def test_a_gap_that_goes_on_at_the_left_edge_is_shaded_on_both_sides_and_no_further_back_than_the_picture() -> None:
    # the picture from 7.0 to 12.0 s is turned over at 10.0 s
    assert swept_pieces(8.0, 9.0, 12.0, SPAN_S) == ((-2.0, -1.0),)
    assert swept_pieces(9.0, 11.0, 12.0, SPAN_S) == ((-1.0, 0.0), (-5.0, -4.0))
    assert swept_pieces(1.0, 8.0, 12.0, SPAN_S) == ((-3.0, -2.0),)


def test_a_bad_channel_keeps_its_name_and_its_neighbours_make_room(view: SignalView) -> None:
    names = tuple(f"E{number}" for number in range(40))
    whole = snapshot(12.0)
    view.show_snapshot(SignalSnapshot(names, SFREQ, np.zeros((40, 500), np.float32), whole.times, (), ()))
    every = next(number for number in range(1, 40) if f"E{number}" in view.row_names)
    assert every > 1
    bad = f"E{2 * every - 1}"  # beside the first of the next group
    view.set_bad((bad,))
    assert f"✕ {bad}" in view.row_names
    assert f"E{2 * every}" not in view.row_names
    assert f"E{3 * every}" in view.row_names


def test_bad_channels_are_crossed_out_by_name(view: SignalView) -> None:
    view.show_snapshot(snapshot(12.0))
    assert view.row_names == ("a", "b")
    view.set_bad(("b",))
    assert view.row_names == ("a", "✕ b")
    view.set_sweeps(False)
    assert view.points[0].max() == 0.0

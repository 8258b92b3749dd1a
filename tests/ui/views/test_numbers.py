"""Identification, latency, status, banner, history: what is written is what came."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QTableWidget

from bci_app.engine.latency import AlgorithmicLatency
from bci_app.engine.views import Identification, IdentificationCurve, LatencyRow, Status
from bci_app.ui.views.banner import Banner
from bci_app.ui.views.history import HistoryView
from bci_app.ui.views.identification import NO_PICTURES, NO_TRIALS, IdentificationView
from bci_app.ui.views.latency import LatencyView
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.status import NOT_MEDICAL, StatusView
from bci_app.ui.views.text import ElidedLabel, PlainLabel

pytestmark = pytest.mark.usefixtures("qapp")

HOSTILE = "<img src='file:///etc/passwd'> & \"EEG\"\n<b>x</b>"


def curve(*means: float) -> IdentificationCurve:
    mean = np.array(means)
    return IdentificationCurve(np.arange(2, 2 + len(means)), mean, mean - 0.1, mean + 0.05)


def row(step: str, p95_ms: float) -> LatencyRow:
    return LatencyRow(step, 10.0, p95_ms, 99.94, 1234.5, 40)


def test_last_values_are_written_with_their_intervals() -> None:
    view = IdentificationView()
    assert view.message == NO_TRIALS
    view.show_identification(Identification(curve(0.5, 0.7, 0.825), curve(0.5, 0.51, 0.49)))
    assert view.numbers == ("0.82 (0.72–0.88)", "0.49 (0.39–0.54)", "0.50 (0.08–0.92)")  # 1.96 sqrt(5 / 12) / 3
    assert view.n_points == (3, 3)
    assert view.message == ""
    view.grab()


def test_curves_grow_with_every_trial() -> None:
    view = IdentificationView()
    for length in range(1, 5):
        view.show_identification(Identification(curve(*[0.8] * length), curve(*[0.5] * length)))
        assert view.n_points == (length, length)


@pytest.mark.parametrize(("n", "words"), [(9, "Too few to say anything: 9 of at least 10"), (10, "the report judges")])
def test_running_figure_says_that_it_is_none_to_judge_by(n: int, words: str) -> None:
    view = IdentificationView()
    assert view.words == ""
    view.show_identification(Identification(curve(*[1.0] * (n - 1)), curve(*[0.5] * (n - 1))))
    assert words in view.words


def test_empty_curves_leave_the_sentence_that_nothing_was_scored() -> None:
    view = IdentificationView()
    view.show_identification(Identification(curve(), curve()))
    assert view.message == NO_TRIALS


def test_without_pictures_the_view_says_why_it_is_empty() -> None:
    view = IdentificationView(possible=False)
    view.show_identification(Identification(curve(0.9), curve(0.5)))
    assert view.message == NO_PICTURES
    assert view.n_points == (0, 0)


def test_latencies_are_written_to_a_tenth_of_a_millisecond() -> None:
    view = LatencyView()
    view.show_latencies((row("decoder", 4.44), row("total software", 27.96)))
    assert view.cells() == (
        ("decoder", "10.0", "4.4", "99.9", "1234.5"),
        ("total software", "10.0", "28.0", "99.9", "1234.5"),
    )


@pytest.mark.parametrize(("width", "n_columns"), [(290, 4), (500, 5)])
def test_where_room_is_short_the_percentiles_stay(width: int, n_columns: int) -> None:
    view = LatencyView()
    view.resize(width, 300)
    view.show_latencies((row("filter, ring, cutting", 4.4), row("total to first word", 28.0)))
    view.grab()  # lays it out
    table = view.findChild(QTableWidget)
    assert sum(not table.isColumnHidden(column) for column in range(5)) == n_columns
    assert not table.isColumnHidden(3), "p99"


@pytest.mark.parametrize(("p95_ms", "over"), [(49.9, False), (50.0, False), (50.1, True)])
def test_total_is_compared_with_its_budget_in_words_and_by_sign(p95_ms: float, over: bool) -> None:
    view = LatencyView()
    view.show_latencies((row("decoder", 400.0), row("total software", p95_ms)))
    assert view.over_budget is over
    assert view.verdict.startswith("▲" if over else "✓")
    assert ("over the budget of 50" in view.verdict) is over


def test_slow_single_step_is_no_verdict_on_the_total() -> None:
    view = LatencyView()
    view.show_latencies((row("decoder", 400.0),))
    assert not view.over_budget
    assert view.verdict == "No result has been timed yet."


def test_chips_tell_good_from_not_good_by_shape() -> None:
    view = StatusView(title="Session")
    status = Status("Lost", False, "faces", "CPU: GPU not used, because CUDA is missing", False, "Trial 1 of 9", "")
    view.show_status(status)
    assert view.chips["Stream"].level == "warn"
    assert view.chips["Device"].level == "warn"
    assert view.chips["Device"].text == "CPU: GPU not used, because CUDA is missing"
    assert view.progress == "Trial 1 of 9"
    assert any(label.text() == NOT_MEDICAL for label in view.findChildren(QLabel))


def test_mark_across_a_panel_appears_and_goes() -> None:
    panel = Panel("EEG", QLabel())
    panel.set_badge("REPLAY")
    assert panel.badge == "REPLAY"
    panel.set_badge("")
    assert panel.badge == ""


def test_foreign_text_is_never_read_as_html() -> None:
    status, banner, label = StatusView(title=HOSTILE), Banner(), ElidedLabel(HOSTILE)
    status.show_status(Status(HOSTILE, True, HOSTILE, HOSTILE, True, HOSTILE, HOSTILE))
    banner.show_message(HOSTILE)
    for widget in (status, banner):
        for found in widget.findChildren(QLabel):
            assert found.textFormat() == Qt.TextFormat.PlainText
    assert banner.text == HOSTILE
    assert "<img" not in label.toolTip()
    assert "&lt;img" in label.toolTip()
    assert "\n" not in label.text()


def test_text_that_does_not_fit_is_elided_and_whole_in_the_tooltip() -> None:
    label = ElidedLabel("a long sentence about a device " * 5)
    label.resize(80, 20)
    label.grab()
    assert label.text().strip() in label.toolTip()
    assert label.minimumSizeHint().width() < 80


def test_long_plain_label_wraps_when_asked() -> None:
    assert PlainLabel("word " * 40, wrap=True).hasHeightForWidth()


def test_strip_keeps_the_newest_trials_and_paints_pictures_of_any_shape() -> None:
    view = HistoryView(most=3)
    for trial, shape in enumerate([(64, 64, 3), (10, 300, 3), (5, 3, 3), (64, 64, 3)]):
        image = np.full(shape, 200, dtype=np.uint8)
        view.add(trial, image, image, float("nan") if trial == 3 else 0.5)
    view.resize(500, 240)
    assert view.trials == (1, 2, 3)
    assert not view.grab().isNull()


def test_strip_too_small_to_draw_draws_nothing_and_does_not_fail(qapp: QApplication) -> None:
    view = HistoryView()
    view.resize(40, 30)
    assert not view.grab().isNull()


def test_what_is_not_measured_stands_below_with_its_origin() -> None:
    view = LatencyView()
    assert view.besides == ("", "")
    view.show_besides(AlgorithmicLatency(600.0, 14.2, 10.0), 60.0, 200)
    assert view.besides == (
        "Algorithmic: window 600, filters 14 ms",
        "Display, estimated: 25 ms, fade 200 ms",
    )
    tips = [label.toolTip() for label in view.findChildren(ElidedLabel)]
    assert "group delay at 10 Hz" in tips[0]
    assert "half a frame of waiting and one of scanning out at 60 Hz" in tips[1]
    view.show_besides(AlgorithmicLatency(500.0, 0.0, 10.0), 120.0, 0)
    assert view.besides[1] == "Display, estimated: 12 ms"

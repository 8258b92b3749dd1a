"""Views of quality, spectrum and topography say what they were given, in words and not in colour alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication, QWidget

from bci_app.engine.quality import ChannelQuality
from bci_app.engine.spectrum import Spectrum
from bci_app.engine.topography import HeadMap
from bci_app.ui.views.quality import MARKED, QualityView
from bci_app.ui.views.spectrum import SpectrumView
from bci_app.ui.views.topography import NO_MAP, TopographyView

QUALITY = (
    ChannelQuality("Fz", "good", ""),
    ChannelQuality("Cz", "fair", "drifts by 60 µV"),
    ChannelQuality("Oz", "bad", "flat: moves by 0 µV"),
)
CHANNELS = ("Fz", "Cz", "Oz")

Show = Callable[[QWidget], None]


@pytest.fixture
def show(qapp: QApplication) -> Iterator[Show]:
    shown: list[QWidget] = []

    def make(view: QWidget) -> None:
        shown.append(view)
        view.resize(360, 320)
        view.show()

    yield make
    for view in shown:
        view.close()
        view.deleteLater()


def test_every_channel_has_its_verdict_in_a_sign_and_a_word_and_the_summary_counts(show: Show) -> None:
    view = QualityView()
    show(view)
    view.show_quality(CHANNELS, QUALITY, ("Fz",))
    assert view.texts() == {
        "Fz": ("✓ good", "", MARKED),
        "Cz": ("▲ fair", "drifts by 60 µV", ""),
        "Oz": ("✕ bad", "flat: moves by 0 µV", ""),
    }
    assert view.summary == "✓ 1 good · ▲ 1 fair · ✕ 1 bad: Oz · 1 marked bad"


def test_where_nothing_can_be_told_that_is_said_and_marks_stay(show: Show) -> None:
    view = QualityView()
    show(view)
    view.show_quality(CHANNELS, (), ("Cz",))
    assert view.texts()["Cz"] == ("–", "", MARKED)
    assert view.summary.startswith("Channels are judged from two seconds")


def test_the_cursor_and_a_double_click_tell_their_channel(show: Show) -> None:
    view = QualityView()
    show(view)
    view.show_quality(CHANNELS, QUALITY, ())
    assert view.channel == "Fz"
    selected: list[str] = []
    wanted: list[str] = []
    view.selected.connect(selected.append)
    view.mark_wanted.connect(wanted.append)
    view.table.setCurrentCell(2, 0)
    view.table.itemDoubleClicked.emit(view.table.item(1, 2))
    assert (selected, wanted) == (["Oz"], ["Oz"])
    view.show_quality((*CHANNELS, "Pz"), QUALITY, ())
    assert view.channel == "Oz"


def test_the_spectrum_of_the_selected_channel_stands_beside_the_median_of_all(show: Show) -> None:
    hz = np.arange(0, 126.0)
    density = np.array([[1.0], [10.0], [1000.0]]) * np.ones(len(hz))
    view = SpectrumView()
    show(view)
    view.show_spectrum(Spectrum(hz, density), 2, "<b>Oz</b>")
    assert view.selected == "<b>Oz</b>"
    for name, expected in (("selected", 30.0), ("median", 10.0)):
        x, y = view.points(name)
        assert x[-1] == 100.0
        np.testing.assert_allclose(y, expected)
    view.show_spectrum(Spectrum(hz, np.zeros((1, len(hz)))), 0, "dead")
    np.testing.assert_allclose(view.points("selected")[1], -60)


def head_of(n: int = 12) -> HeadMap:
    around = np.linspace(0, 2 * np.pi, n, endpoint=False)
    places = {f"e{k}": np.array([0.8 * np.cos(a), 0.8 * np.sin(a), 0.6]) for k, a in enumerate(around)}
    head = HeadMap.of(places)
    assert head is not None
    return head


def test_the_side_with_more_power_is_brighter(show: Show) -> None:
    view, head = TopographyView(), head_of()
    show(view)
    right = head.places[:, 0]
    view.show_map(head, 10 + 5 * right / right.max(), "alpha")
    assert (view.caption, view.levels) == ("alpha", (pytest.approx(5.0), pytest.approx(15.0)))
    image = view.grab().toImage()
    bright = [image.pixelColor(image.width() // 2 + side * 50, image.height() // 2).lightness() for side in (-1, 1)]
    assert bright[1] > bright[0] + 40
    assert "strongest at e0" in view.accessibleDescription()


def test_equal_power_is_one_colour_in_the_middle_of_the_range(show: Show) -> None:
    view, head = TopographyView(), head_of()
    show(view)
    view.show_map(head, np.full(12, 7.0), "alpha")
    assert view.levels == (6.5, 7.5)


def test_without_places_there_is_no_map_and_that_is_said(show: Show) -> None:
    view = TopographyView()
    show(view)
    view.show_map(None, np.zeros(0), "alpha")
    view.grab()
    assert view.caption == NO_MAP

"""Population, averages, curves and counts: what is drawn is what came."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QImage

from bci_app.engine.evolution_views import ActivationCurves, MeanCurve, Member, OnsetRow, response_text
from bci_app.ui.views.activation import ActivationView
from bci_app.ui.views.averages import AveragesView, spread
from bci_app.ui.views.facts import FactsView
from bci_app.ui.views.population import GAP_PX, PopulationView, fitted_grid

pytestmark = pytest.mark.usefixtures("qapp")


def _member(index: int, score: float, kind: str = "evolved") -> Member:
    image = np.full((8, 8, 3), (10 + index, 200, 0), np.uint8)
    return Member(f"{kind}/{index}", image, score, int(np.isfinite(score)), kind)  # type: ignore[arg-type]


def _greens(image: QImage) -> set[int]:
    """Red levels of the pixels that have the green of a member's picture."""
    pixels = [image.pixelColor(x, y) for x in range(0, image.width(), 4) for y in range(0, image.height(), 4)]
    return {pixel.red() for pixel in pixels if (pixel.green(), pixel.blue()) == (200, 0)}


def test_every_picture_is_drawn_and_the_best_of_the_evolved_is_starred() -> None:
    view = PopulationView()
    view.resize(500, 400)
    scores = [1.0, np.nan, 3.25, -2.0]
    members = [_member(index, score) for index, score in enumerate(scores)]
    members += [_member(4, 99.0, "natural"), _member(5, 98.0, "prior")]
    view.show_members(tuple(members))
    assert _greens(view.grab().toImage()) == {10, 11, 12, 13, 14, 15}
    assert view.best == "evolved/2"
    assert list(view.texts().values()) == ["1", "–", "★ 3.25", "−2", "99", "98"]


def test_population_without_any_response_has_no_best() -> None:
    view = PopulationView()
    view.show_members((_member(0, np.nan), _member(1, np.nan)))
    assert view.best is None
    view.grab()


def test_a_new_response_is_written() -> None:
    view = PopulationView()
    view.show_members((_member(0, np.nan),))
    view.show_members((_member(0, 5.0),))
    assert view.texts() == {"evolved/0": "★ 5"}


@pytest.mark.parametrize("n_evolved", [1, 20, 120, 1000])
@pytest.mark.parametrize("n_references", [0, 6, 200])
def test_squares_never_leave_the_view(n_evolved: int, n_references: int) -> None:
    width, height, line = 420, 460, 17
    grid = fitted_grid(width, height, n_evolved, n_references, line)
    right = grid.cell(grid.columns - 1, 0, grid.pitch).right()
    bottom = grid.rows(n_evolved) * grid.pitch + grid.rows(n_references) * (grid.pitch + line)
    assert right < width
    assert bottom <= height or grid.side == 1
    if (n_evolved, n_references) == (20, 6):
        assert grid.side > 40
        assert grid.pitch == grid.side + line + GAP_PX


@pytest.mark.parametrize(("n", "most", "expected"), [(0, 5, ()), (1, 5, (0,)), (3, 5, (0, 1, 2)), (9, 3, (0, 4, 8))])
def test_numbers_are_spread_from_the_first_to_the_last(n: int, most: int, expected: tuple[int, ...]) -> None:
    assert spread(n, most) == expected


@pytest.mark.parametrize("size", [(370, 125), (800, 190), (60, 40)])
def test_averages_show_all_generations_that_fit_with_both_ends(size: tuple[int, int]) -> None:
    view = AveragesView()
    view.resize(*size)
    for n in (0, 1, 12, 40, 500):
        view.show_averages(tuple(np.full((8, 8, 3), 7, np.uint8) for _ in range(n)))
        shown = view.generations
        assert list(shown) == sorted(set(shown))
        assert len(shown) <= n
        if n:
            assert (shown[0], shown[-1]) == (1, n)
        view.grab()
    if size == (800, 190):
        view.show_averages(tuple(np.full((8, 8, 3), 7, np.uint8) for _ in range(40)))
        assert len(view.generations) == 40


def _curves(n: int, natural: float = 1.0) -> ActivationCurves:
    def curve(level: float) -> MeanCurve:
        mean = np.full(n, level)
        return MeanCurve(mean, mean - 0.5, mean + 0.25)

    return ActivationCurves(np.arange(n), curve(3.0), curve(natural), curve(0.0), np.arange(n) + 4.0)


def test_last_values_are_written_with_their_intervals() -> None:
    view = ActivationView()
    assert view.numbers["evolved"] == "–"
    view.show_curves(_curves(0), "µV")
    assert view.n_points["evolved"] == 0
    view.show_curves(_curves(6), "µV")
    assert view.numbers == {
        "evolved": "3 (2.5 to 3.25)",
        "natural": "1 (0.5 to 1.25)",
        "prior": "0 (−0.5 to 0.25)",
        "best": "9",
    }
    low, high = view._plot.getPlotItem().viewRange()[1]
    assert low < -0.5 < 9 < high
    view.grab()


def test_references_that_were_not_shown_leave_a_dash() -> None:
    view = ActivationView()
    view.show_curves(_curves(4, natural=np.nan), "spikes/s")
    assert view.numbers["natural"] == "–"
    assert view.n_points == {"evolved": 4, "natural": 0, "prior": 4}
    view.grab()


def test_what_went_wrong_has_a_sign() -> None:
    view = FactsView()
    row = OnsetRow(n=100, late=0, worst_frames=0, p50_ms=1.25, p99_ms=16.7, never=2, refresh_hz=60.0)
    view.show_facts({"shown": 100, "answered": 95, "rejected": 5, "missing": 0, "shown_again": 4}, row, 3)
    assert view.texts == {
        "shown": "100",
        "answered": "95",
        "rejected": "▲ 5",
        "missing": "0",
        "shown_again": "4",
        "late": "0 of 100",
        "worst": "0",
        "delay": "1.25 / 16.7",
        "never": "▲ 2",
        "held": "3",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (np.nan, "–"),
        (np.inf, "–"),
        (0.0, "0"),
        (-0.0456, "−0.0456"),
        (12.345, "12.3"),
        (123456.0, "123,456"),
    ],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert response_text(value) == text

"""The cap: every channel has its dot, and no name lies over another."""

from __future__ import annotations

from itertools import combinations

import pytest
from PySide6.QtCore import QPointF
from pytestqt.qtbot import QtBot

from bci_app.engine.electrodes import flattened, map_electrodes
from bci_app.ui.views.montage import MontageView

CAP = ("Fp1", "Fpz", "Fp2", "AF7", "AF5", "AF3", "AF1", "AFz", "AF2", "AF4", "AF6", "AF8", "Cz", "C1", "C2", "Oz")


def montage(qtbot: QtBot, side_px: int, bad: tuple[str, ...] = ()) -> MontageView:
    view = MontageView()
    qtbot.addWidget(view)
    view.resize(side_px, side_px)
    view.show_places({name: flattened(place) for name, place in map_electrodes(CAP).places.items()}, bad)
    return view


@pytest.mark.parametrize("side_px", [220, 400, 1600])
def test_no_name_lies_over_another_and_with_room_all_are_written(qtbot: QtBot, side_px: int) -> None:
    view = montage(qtbot, side_px)
    boxes = view.names_px()
    assert not any(one.intersects(other) for one, other in combinations(boxes.values(), 2))
    assert (len(boxes) == len(CAP)) == (side_px == 1600)
    view.grab()


def test_names_of_bad_channels_are_written_first(qtbot: QtBot) -> None:
    assert "AF1" in montage(qtbot, 220, bad=("AF1",)).names_px()
    assert len(montage(qtbot, 220, bad=("AF1",)).names_px()) < len(CAP)


def test_pointer_tells_the_channel_under_it(qtbot: QtBot) -> None:
    view = montage(qtbot, 220)
    assert [view.name_at(view.place_px(name)) for name in CAP] == list(CAP)
    assert view.name_at(QPointF(1, 1)) == ""
    assert MontageView().name_at(QPointF(1, 1)) == ""

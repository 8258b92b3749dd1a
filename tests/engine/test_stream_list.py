"""The list of streams lives, and a choice is never taken for another stream."""

from __future__ import annotations

import itertools
import re
import threading
from dataclasses import replace
from typing import Any

import pytest

from bci_app.engine.settings import StreamChoice
from bci_app.engine.stream_list import Fate, StreamList, StreamWatch, choice_of, match
from bci_app.engine.stream_list import told as told_of
from bci_app.streams.source import StreamDescription

MUSE = StreamDescription("Muse", "EEG", "muse-1", "lab", "uid-1", ("TP9", "AF7"), "microvolts", 256.0, 2)
OTHER = replace(MUSE, source_id="muse-2", uid="uid-2")
CAP = replace(MUSE, name="Cap", source_id="", uid="uid-3")


def _told(rows: tuple) -> list[tuple[str, bool]]:
    return [(row.description.uid, row.there) for row in rows]


def test_stream_that_does_not_answer_twice_has_gone_and_stays_listed() -> None:
    streams = StreamList()
    assert _told(streams.update([MUSE, CAP])) == [("uid-3", True), ("uid-1", True)]
    assert _told(streams.update([CAP])) == [("uid-3", True), ("uid-1", True)]
    assert _told(streams.update([CAP])) == [("uid-3", True), ("uid-1", False)]
    assert _told(streams.update([CAP, MUSE])) == [("uid-3", True), ("uid-1", True)]


def test_sender_that_started_again_takes_its_row_and_one_without_source_id_another() -> None:
    streams = StreamList()
    streams.update([MUSE, CAP])
    streams.update([])
    rows = streams.update([replace(MUSE, uid="uid-9"), replace(CAP, uid="uid-8")])
    assert _told(rows) == [("uid-8", True), ("uid-9", True), ("uid-3", False)]


def test_two_streams_with_one_source_id_are_two_rows() -> None:
    assert len(StreamList().update([MUSE, replace(MUSE, uid="uid-4")])) == 2


def test_streams_that_have_gone_do_not_pile_up() -> None:
    streams = StreamList()
    for number in range(300):
        streams.update([replace(CAP, uid=f"uid-{number}")])
    assert len(streams.rows) <= 23


def test_stream_whose_end_was_wanted_is_not_listed_as_gone() -> None:
    streams, ours = StreamList(), replace(MUSE, source_id="replay-1-markers", uid="uid-5")
    for found in ([MUSE, ours], [], []):
        streams.update(found, unlisted=["replay-1"])
    assert _told(streams.rows) == [("uid-1", False)]


def test_what_becomes_of_the_chosen_stream_is_said_once() -> None:
    again, choice, fate = replace(MUSE, uid="uid-9"), choice_of(MUSE), Fate()
    told = [fate.tell(choice, found) for found in (None, MUSE, MUSE, None, None, again, again, MUSE)]
    assert [index for index, each in enumerate(told) if each] == [3, 5]
    assert told[3] == (
        "Stream 'Muse' answers no more. It is taken again when it returns; no other is taken in its place.",
        False,
    )
    assert told[5] == ("Stream 'Muse' is back.", True)
    assert fate.tell(choice_of(OTHER), None) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"channels": ("TP9", "x")}, r"other channels \(TP9, x; before TP9, AF7\)"),
        ({"channels": (), "n_channels": 9}, r"other channels \(none named; before TP9, AF7\)"),
        ({"channels": tuple("abcdefghi"), "n_channels": 9}, r"\(a, b, c, d and 5 more; before"),
        ({"sfreq": 512.0}, r"another rate \(512 Hz; before 256 Hz\)"),
        ({"unit": ""}, r"another unit \(none; before microvolts\)"),
    ],
)
@pytest.mark.parametrize("missed", [True, False])
def test_stream_that_returns_otherwise_is_no_good_news(change: dict[str, Any], words: str, missed: bool) -> None:
    fate, choice = Fate(), choice_of(MUSE)
    fate.tell(choice, MUSE)
    if missed:
        fate.tell(choice, None)
    told = fate.tell(choice, replace(MUSE, uid="uid-9", **change))
    assert told is not None
    assert re.search(f"Stream 'Muse' is back with .*{words}", told[0])
    assert not told[1]


def test_device_that_cannot_be_known_again_is_never_taken_without_a_word() -> None:
    fate, choice = Fate(), choice_of(CAP)
    fate.tell(choice, CAP)
    told = fate.tell(choice, replace(CAP, uid="uid-9", hostname="elsewhere"))
    assert told is not None
    assert told[0].startswith("Stream 'Cap' answers again, from elsewhere; before from lab. Without a source_id")
    assert not told[1]


def test_what_came_over_the_network_is_short_and_plain_in_a_sentence() -> None:
    hostile = replace(MUSE, name="<b>\n" + "y" * 60_000, hostname="h" * 9000, type="\x1b" * 9000)
    assert len(told_of(choice_of(hostile), match(choice_of(hostile), StreamList().update([hostile])))) < 300


def test_choice_is_met_by_name_and_source_id_alone() -> None:
    choice = choice_of(MUSE)
    rows = StreamList().update([MUSE, CAP])
    assert (match(choice, rows).answer, match(choice, rows).rows[0].description) == ("there", MUSE)
    answers = {
        "other": [OTHER], "absent": [CAP], "several": [MUSE, replace(MUSE, uid="uid-4")], "there": [MUSE, OTHER],
    }  # fmt: skip
    assert {match(choice, StreamList().update(found)).answer for found in answers.values()} == set(answers)
    for answer, found in answers.items():
        assert match(choice, StreamList().update(found)).answer == answer


def test_choice_without_a_source_id_is_not_met_by_a_stream_that_has_one() -> None:
    choice = choice_of(replace(MUSE, source_id=""))
    assert match(choice, StreamList().update([MUSE])).answer == "other"
    assert match(choice_of(CAP), StreamList().update([CAP])).answer == "there"


def test_stream_that_has_gone_meets_no_choice() -> None:
    streams = StreamList()
    for found in ([MUSE], [], []):
        streams.update(found)
    assert match(choice_of(MUSE), streams.rows).answer == "absent"


@pytest.mark.parametrize(("now", "unit"), [(MUSE, "uV"), (OTHER, None)])
def test_declared_unit_stays_with_its_stream_and_markers_with_the_lab(now: StreamDescription, unit: str | None) -> None:
    before = StreamChoice(name="Muse", source_id="muse-1", unit="uV", markers="presenter")
    assert choice_of(now, before) == StreamChoice(name="Muse", source_id=now.source_id, unit=unit, markers="presenter")


def test_watch_hands_on_every_look_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bci_app.engine.stream_list.LOOK_EVERY_S", 0.0)
    heard: list[tuple] = []
    looks = itertools.count()

    def take(found: tuple[StreamDescription, ...]) -> None:
        heard.append(found)
        if len(heard) == 3:
            watch.stop()

    watch = StreamWatch(take, pytest.fail, lambda: (replace(MUSE, uid=str(next(looks))),))
    watch.start()
    assert watch.join(5.0)
    assert [found[0].uid for found in heard] == ["0", "1", "2"]


def test_watch_that_looks_seldom_looks_at_once_when_it_is_asked_to() -> None:
    looked = threading.Semaphore(0)
    watch = StreamWatch(lambda found: looked.release(), pytest.fail, tuple)
    watch.every_s = 3600.0
    watch.start()
    for _ in range(3):
        assert looked.acquire(timeout=5.0)
        watch.look_now()
    watch.stop()
    assert watch.join(5.0)

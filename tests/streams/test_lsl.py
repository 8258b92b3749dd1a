"""Finding streams, over real LSL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pylsl
import pytest

from bci_app.contract.errors import AmbiguousStreamError, ChannelError, NoStreamError, SignalError, StreamError
from bci_app.streams import lsl
from bci_app.streams.lsl import Lookout, discover, find, local_clock
from bci_app.streams.lsl_outlet import LslOutlet, TextOutlet
from tests.streams.conftest import Sender


def test_stream_is_found_by_each_of_its_properties(sender: Sender) -> None:
    for wanted in ({"name": "sender"}, {"source_id": sender.description.source_id}, {"type": "EEG"}):
        assert find(**wanted).uid == sender.description.uid


def test_description_tells_channels_unit_and_rate(sender: Sender) -> None:
    found = find(name="sender")
    assert (found.channels, found.unit, found.sfreq) == (("C0", "C1", "C2"), "microvolts", 500.0)
    assert found == sender.description


def test_missing_stream_is_an_error_that_lists_those_that_are_there(sender: Sender) -> None:
    with pytest.raises(NoStreamError, match=r"'Museum' answered within 0.4 s.*'sender' \(EEG, 3 channels"):
        find(name="Museum", timeout_s=0.4)


def test_two_streams_of_one_name_are_an_error_that_tells_how_to_choose(opened: Callable[[Any], Any]) -> None:
    one, two = opened(Sender(name="twin")), opened(Sender(name="twin"))
    with pytest.raises(AmbiguousStreamError) as caught:
        find(name="twin")
    assert all(each.description.source_id in str(caught.value) for each in (one, two))
    assert "Choose one with --source-id" in str(caught.value)
    assert find(name="twin", source_id=two.description.source_id).uid == two.description.uid


@pytest.mark.parametrize("name", ["it's", 'say "hi"', "x' or '1'='1", "<b>&amp;</b>", "µV ✓"])
def test_names_with_quotes_and_signs_are_compared_as_they_stand(name: str, opened: Callable[[Any], Any]) -> None:
    outlet = opened(LslOutlet(name, ["A"], 100.0, "odd-one"))
    assert find(name=name).uid == outlet.description.uid
    with pytest.raises(NoStreamError):
        find(name="x' or '1'='1' or name='", timeout_s=0.3)


def test_search_ends_when_it_is_cancelled() -> None:
    cancelled = threading.Event()
    threading.Timer(0.1, cancelled.set).start()
    began = local_clock()
    with pytest.raises(NoStreamError):
        find(name="nobody", timeout_s=30.0, cancelled=cancelled)
    assert local_clock() - began < 2.0


def test_discovery_lists_signals_and_texts(sender: Sender, opened: Callable[[Any], Any]) -> None:
    opened(TextOutlet("labels", "labels-1"))
    found = {each.name: each for each in discover(0.6)}
    assert found["labels"].text
    assert not found["sender"].text


def test_outlet_is_asked_for_its_header_once_however_often_one_looks(
    sender: Sender, opened: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(TextOutlet("labels", "labels-1"))
    asked, inlet = [], pylsl.StreamInlet
    monkeypatch.setattr(pylsl, "StreamInlet", lambda info, **given: asked.append(info.name()) or inlet(info, **given))
    lookout = Lookout()
    looks = [lookout.look() for _ in range(3)]
    assert asked == ["sender"]
    assert all({each.name: each.channels for each in look}["sender"] == ("C0", "C1", "C2") for look in looks)


def test_outlet_that_misses_one_look_is_remembered_and_after_two_it_is_asked_anew(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, asked, inlet = lsl.visible(), [], pylsl.StreamInlet
    monkeypatch.setattr(pylsl, "StreamInlet", lambda info, **given: asked.append(info.name()) or inlet(info, **given))
    lookout = Lookout()
    for answers, n_asked in ((there, 1), ([], 1), (there, 1), ([], 1), ([], 1), (there, 2)):
        monkeypatch.setattr(lsl, "visible", lambda answers=answers: answers)
        assert len(lookout.look()) == len(answers)
        assert len(asked) == n_asked


def test_sender_that_gives_no_header_is_asked_three_times_and_listed_without(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def refuse(inlet: pylsl.StreamInlet, timeout_s: float) -> None:
        asked.append(timeout_s)
        raise pylsl.util.TimeoutError

    monkeypatch.setattr(pylsl.StreamInlet, "info", refuse)
    lookout = Lookout()
    assert [[each.channels for each in lookout.look()] for _ in range(4)] == [[()]] * 4
    assert len(asked) == 3


def test_header_of_a_stranger_is_read_no_further_than_it_can_be_meant(opened: Callable[[Any], Any]) -> None:
    info = pylsl.StreamInfo("huge", "EEG", 2, 100.0, "float32", "huge-1")
    entries = info.desc().append_child("channels")
    for _ in range(500):
        entries.append_child("channel").append_child_value("label", "z" * 10_000)
    outlet = pylsl.StreamOutlet(info)
    assert [len(label) for label in find(name="huge").channels] == [4096] * 3
    del outlet


def test_outlet_refuses_data_of_another_shape(sender: Sender) -> None:
    with pytest.raises(SignalError, match="shape"):
        sender.outlet.push(np.zeros((2, 5), np.float32), 1.0)


def test_outlet_refuses_doubled_channels_and_empty_names() -> None:
    with pytest.raises(ChannelError, match="doubled: A"):
        LslOutlet("x", ["A", "A"], 100.0, "x-1")
    with pytest.raises(StreamError, match="needs a name and a source_id"):
        LslOutlet("x", ["A"], 100.0, "")


def test_closed_outlet_says_so(opened: Callable[[Any], Any]) -> None:
    outlet = TextOutlet("short", "short-1")
    outlet.close()
    assert not outlet.has_consumers
    with pytest.raises(StreamError, match="'short' was closed"):
        outlet.push("late", 1.0)

"""Markers and pictures there and back, and what an inlet refuses."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import PictureError, SettingsError, StreamError
from bci_app.contract.signal import Marker
from bci_app.pictures.picture import Picture, make_picture
from bci_app.streams.lsl import local_clock
from bci_app.streams.lsl_outlet import TextOutlet
from bci_app.streams.lsl_source import LslSource
from bci_app.streams.markers import (
    MAX_LABEL,
    MAX_SIDE,
    MarkerInlet,
    MarkerOutlet,
    PictureInlet,
    PictureOutlet,
    read_picture,
)
from tests.streams.conftest import Sender, pull_samples


def noise(size: int = 32, seed: int = 0) -> Picture:
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return make_picture(pixels, "noise", f"seed-{seed}")


def test_markers_arrive_in_order_with_their_times(opened: Callable[[Any], Any]) -> None:
    outlet = opened(MarkerOutlet("markers", "markers-1"))
    inlet = opened(MarkerInlet(outlet.description))
    sent = [Marker(local_clock() + 0.1 * number, f"face/{number} µ") for number in range(5)]
    for marker in sent:
        outlet.push(marker.label, marker.time)
    got: list[Marker] = []
    while len(got) < 5:
        got += inlet.pull(2.0)
    assert [marker.label for marker in got] == [marker.label for marker in sent]
    np.testing.assert_allclose([m.time for m in got], [m.time for m in sent], atol=2e-3)
    assert inlet.pull(0.01) == []


def test_markers_and_samples_land_on_one_clock(sender: Sender, opened: Callable[[Any], Any]) -> None:
    outlet = opened(MarkerOutlet("markers", "markers-2"))
    inlet, source = opened(MarkerInlet(outlet.description)), opened(LslSource(sender.description))
    sender.push(50)
    outlet.push("at sample 20", sender.t0 + 20 / sender.sfreq)
    (marker,) = inlet.pull(2.0)
    chunk = pull_samples(source, 50)[0]
    assert int(np.argmin(np.abs(chunk.times - marker.time))) == 20


@pytest.mark.parametrize("label", ["", "x" * (MAX_LABEL + 1), "two\nlines", "tree"])
def test_outlet_refuses_labels_that_are_no_markers(label: str, opened: Callable[[Any], Any]) -> None:
    outlet = opened(MarkerOutlet("markers", "markers-3", vocabulary=("face", "house")))
    with pytest.raises(SettingsError, match="face, house"):
        outlet.push(label, local_clock())


@pytest.mark.parametrize("time_s", [0.0, -1.0, float("nan")])
def test_outlet_refuses_times_that_are_none(time_s: float, opened: Callable[[Any], Any]) -> None:
    with pytest.raises(SettingsError, match="LSL seconds"):
        opened(MarkerOutlet("markers", "markers-4")).push("face", time_s)


def test_inlet_drops_and_counts_labels_outside_its_vocabulary(opened: Callable[[Any], Any]) -> None:
    outlet = opened(TextOutlet("markers", "markers-5"))
    inlet = opened(MarkerInlet(outlet.description, vocabulary={"face"}))
    for label in ("tree", "face\n", "y" * 100_000, "face"):
        outlet.push(label, local_clock())
    assert [marker.label for marker in inlet.pull(2.0)] == ["face"]
    assert inlet.refused == 3


def test_stream_of_numbers_is_no_marker_stream(sender: Sender) -> None:
    with pytest.raises(StreamError, match="text was expected"):
        MarkerInlet(sender.description)


def test_marker_stream_that_comes_back_is_read_again(opened: Callable[[Any], Any]) -> None:
    states: list[str] = []
    first = MarkerOutlet("markers", "markers-6")
    inlet = opened(MarkerInlet(first.description, on_state=lambda state, _: states.append(state)))
    first.close()
    while "lost" not in states:
        inlet.pull(0.1)
    second = opened(MarkerOutlet("markers", "markers-6"))
    while "back" not in states:
        inlet.pull(0.1)
    second.push("again", local_clock())
    assert [marker.label for marker in inlet.pull(2.0)] == ["again"]
    inlet.close()


def test_pictures_arrive_pixel_by_pixel(opened: Callable[[Any], Any]) -> None:
    outlet = opened(PictureOutlet("pictures", "pictures-1"))
    inlet = opened(PictureInlet(outlet.description))
    for picture in (noise(16), noise(512, seed=1)):
        outlet.send(picture, local_clock())
        (got,) = inlet.pull(5.0)
        assert (got.id, got.family, got.label) == (picture.id, picture.family, picture.label)
        np.testing.assert_array_equal(got.image, picture.image)


def test_inlet_survives_messages_that_hold_no_picture(opened: Callable[[Any], Any]) -> None:
    outlet = opened(PictureOutlet("pictures", "pictures-2"))
    inlet = opened(PictureInlet(outlet.description))
    for text in ("", "{", "[]", '{"id": 1}'):
        outlet.push(text, local_clock())
    outlet.send(noise(), local_clock())
    assert [picture.id for picture in inlet.pull(2.0)] == [noise().id]
    assert inlet.refused == 4


def test_picture_too_large_to_send_is_refused(opened: Callable[[Any], Any]) -> None:
    large = make_picture(np.zeros((MAX_SIDE + 1, 4, 3), dtype=np.uint8), "large", "black")
    with pytest.raises(PictureError, match="Resize it"):
        opened(PictureOutlet("pictures", "pictures-3")).send(large, local_clock())


def message(picture: Picture, **changed: str) -> bytes:
    png = io.BytesIO()
    Image.fromarray(picture.image).save(png, format="PNG")
    fields = {"id": picture.id, "family": picture.family, "label": picture.label}
    return json.dumps({**fields, "png": base64.b64encode(png.getvalue()).decode(), **changed}).encode()


def encoded(pixels: np.ndarray, kind: str) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format=kind)
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"id": "noise/seed-0/000000000000"}, "hash of its pixels"),
        ({"label": "a/b"}, "name without"),
        ({"family": "x" * 1000}, "names and a PNG"),
        ({"png": "no base64!"}, "names and a PNG"),
        ({"png": base64.b64encode(b"no picture").decode()}, "names and a PNG"),
        ({"png": encoded(np.zeros((8, 8, 3), np.uint8), "GIF")}, "names and a PNG"),
        ({"png": encoded(np.zeros((8, 3000), np.uint8), "PNG")}, "pixels a side"),
        ({"surplus": "field"}, "names and a PNG"),
    ],
)
def test_messages_that_are_not_of_the_form_are_refused(changed: dict[str, str], error: str) -> None:
    assert read_picture(message(noise())) == noise()
    with pytest.raises(PictureError, match=error):
        read_picture(message(noise(), **changed))


def test_message_that_is_too_long_is_refused_unread() -> None:
    with pytest.raises(PictureError, match="at most"):
        read_picture(b"{" * 8_000_001)

"""Markers and pictures on the network: short labels with a time, and the pictures that a simulated participant sees.

Anybody on the network can send to an inlet, so an inlet refuses what it cannot use, counts it and logs it; it
never fails because of a sender. Markers carry LSL seconds and land on the same clock as the EEG, see `lsl`.
"""

from __future__ import annotations

import base64
import binascii
import io
import logging
import math
import time
from collections.abc import Callable, Collection
from typing import Self, TypeVar

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bci_app.contract.errors import PictureError, SettingsError, StreamError
from bci_app.contract.signal import Marker
from bci_app.pictures.picture import Picture, make_picture
from bci_app.streams.lsl import SLICE_S
from bci_app.streams.lsl_link import Link
from bci_app.streams.lsl_outlet import TextOutlet
from bci_app.streams.source import OnState, StreamDescription

MARKER_TYPE = "Markers"
PICTURE_TYPE = "Pictures"
MAX_LABEL = 256
"""Characters of a marker's label."""
MAX_SIDE = 1024
"""Pixels of a sent picture's longer side."""
MAX_MESSAGE = 8_000_000
"""Bytes of a sent picture with its names."""
_MAX_PULL = 64

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class MarkerOutlet(TextOutlet):
    """Sends markers.

    Parameters
    ----------
    name, source_id : str
        Of the stream.
    vocabulary : collection of str or None
        The labels that may be sent; None allows all of 1 to 256 printable characters.
    """

    def __init__(self, name: str, source_id: str, *, vocabulary: Collection[str] | None = None) -> None:
        super().__init__(name, source_id, type=MARKER_TYPE)
        self._vocabulary = vocabulary

    def push(self, text: str, time_s: float) -> None:
        """Send the label `text`, for what happened at `time_s` LSL seconds.

        Raises
        ------
        SettingsError
            If the label is not in the vocabulary, too long or not printable, or the time is not a time.
        """
        if not is_label(text, self._vocabulary):
            raise SettingsError(
                f"A marker is 1 to {MAX_LABEL} printable characters{_of(self._vocabulary)}; got {text[:300]!r}. "
                "Shorten or correct it."
            )
        if not (math.isfinite(time_s) and time_s > 0):
            raise SettingsError(f"A marker needs the LSL seconds at which it happened; got {time_s!r}.")
        super().push(text, time_s)


def is_label(text: str, vocabulary: Collection[str] | None = None) -> bool:
    """Whether `text` may be the label of a marker."""
    return 0 < len(text) <= MAX_LABEL and text.isprintable() and (vocabulary is None or text in vocabulary)


def _of(vocabulary: Collection[str] | None) -> str:
    return "" if vocabulary is None else f" of the vocabulary ({', '.join(sorted(vocabulary)[:20])})"


class _TextInlet:
    """Pulls texts and keeps those that can be read; pulled from one thread, closed from any."""

    def __init__(self, description: StreamDescription, on_state: OnState | None, timeout_s: float) -> None:
        if not description.text:
            raise StreamError(f"Stream {description} carries numbers; text was expected. Choose a stream of strings.")
        self._link = Link(description, on_state, timeout_s=timeout_s)
        self.refused = 0

    @property
    def description(self) -> StreamDescription:
        """The stream; its uid changes when the sender is started again."""
        return self._link.description

    def close(self) -> None:
        """Let go of the stream in less than a second."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pull(self, timeout_s: float, read: Callable[[bytes, float], _T | None]) -> list[_T]:
        """What could be read of all that came; waits for the first that can."""
        deadline = time.monotonic() + timeout_s
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            block = self._link.pull(min(left, SLICE_S), _MAX_PULL)
            if block is not None:
                kept = [read(bytes(row[0]), float(stamp)) for row, stamp in zip(*block, strict=True)]
                good = [each for each in kept if each is not None]
                self.refused += len(kept) - len(good)
                if good:
                    return good
            if left <= SLICE_S or self._link.closed:
                return []


class MarkerInlet(_TextInlet):
    """Receives markers, and finds its stream again after a loss.

    Parameters
    ----------
    description : StreamDescription
        A text stream, as `find` gave it.
    vocabulary : collection of str or None
        The labels that are taken; None takes all of 1 to 256 printable characters.
    on_state : callable or None
        Called with (state, message).
    timeout_s : float
        How long the first connection may take.

    Attributes
    ----------
    refused : int
        Markers that were not taken.
    """

    def __init__(
        self,
        description: StreamDescription,
        *,
        vocabulary: Collection[str] | None = None,
        on_state: OnState | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        super().__init__(description, on_state, timeout_s)
        self._vocabulary = vocabulary

    def pull(self, timeout_s: float) -> list[Marker]:
        """The markers that came, in order, as soon as there are some; empty if none came within `timeout_s`."""
        return self._pull(timeout_s, self._read)

    def _read(self, raw: bytes, time_s: float) -> Marker | None:
        label = raw[: 4 * MAX_LABEL + 1].decode("utf-8", errors="replace")
        if is_label(label, self._vocabulary):
            return Marker(time_s, label)
        _log.warning("Marker %r of stream '%s' refused: not a known label.", label[:80], self.description.name)
        return None


class PictureOutlet(TextOutlet):
    """Sends pictures to a simulated participant, so that it can see what it has never seen before."""

    def __init__(self, name: str, source_id: str) -> None:
        super().__init__(name, source_id, type=PICTURE_TYPE)

    def send(self, picture: Picture, time_s: float) -> None:
        """Send `picture`, shown or made known at `time_s` LSL seconds.

        Raises
        ------
        PictureError
            If a side is longer than 1024 pixels.
        """
        if max(picture.image.shape[:2]) > MAX_SIDE:
            raise PictureError(
                f"A picture that is sent has at most {MAX_SIDE} pixels a side; '{picture.id}' has "
                f"{picture.image.shape[:2]}. Resize it first."
            )
        png = io.BytesIO()
        Image.fromarray(picture.image).save(png, format="PNG", compress_level=1)
        message = _PictureMessage(
            id=picture.id,
            family=picture.family,
            label=picture.label,
            png=base64.b64encode(png.getvalue()).decode(),
        )
        self.push(message.model_dump_json(), time_s)


class PictureInlet(_TextInlet):
    """Receives pictures, and finds its stream again after a loss.

    Parameters
    ----------
    description : StreamDescription
        A text stream, as `find` gave it.
    on_state : callable or None
        Called with (state, message).
    timeout_s : float
        How long the first connection may take.

    Attributes
    ----------
    refused : int
        Messages that held no sound picture.
    """

    def __init__(
        self, description: StreamDescription, *, on_state: OnState | None = None, timeout_s: float = 5.0
    ) -> None:
        super().__init__(description, on_state, timeout_s)

    def pull(self, timeout_s: float) -> list[Picture]:
        """The pictures that came, in order, as soon as there are some; empty if none came within `timeout_s`."""
        return self._pull(timeout_s, self._read)

    def _read(self, raw: bytes, time_s: float) -> Picture | None:
        try:
            return read_picture(raw)
        except PictureError as error:
            _log.warning("A message of stream '%s' was refused: %s", self.description.name, error)
            return None


class _PictureMessage(BaseModel):
    """What travels: names, and the pixels as a PNG in base64."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(max_length=MAX_LABEL)
    family: str = Field(max_length=MAX_LABEL)
    label: str = Field(max_length=MAX_LABEL)
    png: str = Field(max_length=MAX_MESSAGE)


def read_picture(message: bytes) -> Picture:
    """The picture in a message of `PictureOutlet`.

    Raises
    ------
    PictureError
        If the message is too long, is not of the form, or its id does not belong to its pixels.
    """
    if len(message) > MAX_MESSAGE:
        raise PictureError(f"A picture message has at most {MAX_MESSAGE} bytes; {len(message)} came.")
    try:
        fields = _PictureMessage.model_validate_json(message)
        with Image.open(io.BytesIO(base64.b64decode(fields.png, validate=True)), formats=["PNG"]) as image:
            if max(image.size) > MAX_SIDE:
                raise PictureError(f"A picture has at most {MAX_SIDE} pixels a side; {image.size} came.")
            pixels = np.asarray(image.convert("RGB"))
    except (ValidationError, binascii.Error, OSError, ValueError, SyntaxError) as error:
        raise PictureError(f"A picture message holds names and a PNG; this one does not: {str(error)[:200]}") from error
    picture = make_picture(pixels, fields.family, fields.label)
    if picture.id != fields.id:
        raise PictureError(f"A picture's id holds the hash of its pixels ({picture.id}); '{fields.id[:80]}' came.")
    return picture

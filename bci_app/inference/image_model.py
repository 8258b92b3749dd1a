"""Any unit of any layer of an image model as a target: pictures in, one number each out."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bci_app.contract.bundle import Bundle, open_bundle
from bci_app.contract.checks import listed
from bci_app.contract.errors import (
    BciError,
    BundleCorruptError,
    BundleError,
    BundleVersionError,
    PictureError,
    SettingsError,
)
from bci_app.contract.manifest import ImageModelManifest, TensorSpec
from bci_app.inference.generator import tensor_specs
from bci_app.inference.golden import verify_golden
from bci_app.inference.onnx_file import open_graph
from bci_app.inference.onnx_layers import Shape, cut_at, layers_of, picture_inputs, shape_of, with_input
from bci_app.inference.session import Device, OnnxModel, read_model
from bci_app.pictures.picture import resize

if TYPE_CHECKING:
    import onnx

GRAPH = "model.onnx"
_LARGEST_BATCH = 64
"""Pictures per run of a graph with a free batch; more only need more memory."""

_OLDEST = 7
"""Operator set of the oldest files of others that are read: published networks are seldom exported again."""

Colours = tuple[float, float, float]
Spread = Annotated[float, Field(gt=0)]


class PictureInput(BaseModel):
    """How the input of a stranger's model is made of a picture: ``(low + (high - low) * bytes / 255 - mean) / std``.

    Attributes
    ----------
    size : int or None
        Side in pixels; None for that of the graph.
    layout : {"nchw", "nhwc"}
        Whether colours come before or behind the places.
    mean, std : 3 floats
        Of red, green and blue, in the numbers of `range`.
    range : (low, high)
        What black and white become.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    size: int | None = Field(default=None, ge=1, le=2048)
    layout: Literal["nchw", "nhwc"] = "nchw"
    mean: Colours = (0.0, 0.0, 0.0)
    std: tuple[Spread, Spread, Spread] = (1.0, 1.0, 1.0)
    range: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One unit of a layer; call it with pictures.

    Attributes
    ----------
    name : str
        Layer, channel and place, in words.
    model : OnnxModel
        The graph up to the layer.
    number : int
        Of the unit in the layer, channels slowest.
    given : PictureInput
        How its input is made.
    """

    name: str
    model: OnnxModel
    number: int
    given: PictureInput

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Activation (n,) by each picture, uint8 (n, side, side, 3) of any side; PictureError if they are none."""
        found = _activations(self.model, self.given, images)
        return found.reshape(len(found), math.prod(found.shape[1:]))[:, self.number].astype(np.float64)


def _activations(model: OnnxModel, given: PictureInput, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Output (n, ...) of a graph for pictures (n, side, side, 3); PictureError if they are none."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] != images.shape[2] or images.shape[3] != 3:
        raise PictureError(
            f"An image model sees square pictures uint8 (n, side, side, 3); got {images.dtype} {images.shape}. Cut and "
            "convert them first (bci_app.pictures.picture.resize)."
        )
    fixed = model.input.shape[0]
    step = fixed if isinstance(fixed, int) else _LARGEST_BATCH
    parts = []
    for start in range(0, max(len(images), 1), step):
        batch = images[start : start + step]
        whole = np.zeros((step if isinstance(fixed, int) else max(len(batch), 1), *images.shape[1:]), np.uint8)
        whole[: len(batch)] = batch
        with _running(model.name):
            parts.append(model.run(_made(whole, given, model.input))[: len(batch)])
    return np.concatenate(parts)


@contextmanager
def _running(name: str) -> Iterator[None]:
    """Turn what onnxruntime raises while a stranger's graph runs, which shares no public base, into one message."""
    try:
        yield
    except BciError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BundleError(
            f"{name} must run on pictures of the size and number that its input takes; it does not: {reason}. Give the size "
            "it was made for, or export it again with a batch of 1."
        ) from error


def _made(images: NDArray[np.uint8], given: PictureInput, wanted: TensorSpec) -> NDArray[np.generic]:
    """The input of a graph (n, ...) from pictures (n, side, side, 3)."""
    assert given.size is not None
    sized = np.stack([resize(image, given.size) for image in images])
    if wanted.dtype == "float32":
        low, high = given.range
        numbers = low + (high - low) / 255 * sized.astype(np.float32)
        sized = ((numbers - np.array(given.mean)) / np.array(given.std)).astype(np.float32)
    return np.ascontiguousarray(sized.transpose(0, 3, 1, 2) if given.layout == "nchw" else sized)


class ImageModel:
    """An opened image model. Make it with `ImageModel.open`.

    Attributes
    ----------
    name : str
    layers : dict of str to tuple of int
        Shape, without the batch, of each output of each node that depends on the picture and is real numbers, in the
        order in which they are computed. A map is (channels, height, width), as ONNX's own operators have it.
    device : str
        What it runs on, in plain words.
    bundle : Bundle or None
        None if it is a plain file.
    """

    def __init__(self, content: bytes, name: str, given: PictureInput, device: Device, require_gpu: bool) -> None:
        model = open_graph(content, name, _OLDEST)
        self.name = name
        self.bundle: Bundle | None = None
        self._given, shape, self._batch = _settled(model, given, name)
        self._model = with_input(model, shape, self._batch)
        self.layers = layers_of(with_input(model, shape, self._batch or 1))
        self._device, self._require_gpu = device, require_gpu
        self._opened: dict[str, OnnxModel] = {}
        if not self.layers:
            raise BundleError(
                f"{name} must compute real numbers from a picture; no layer of it does. Choose another model."
            )
        self.device = self._cut(next(reversed(self.layers))).device

    @classmethod
    def open(
        cls,
        source: Bundle | Path | str,
        device: Device = "auto",
        require_gpu: bool = False,
        given: PictureInput | None = None,
    ) -> ImageModel:
        """Open a bundle of an image model, compared with its golden vectors, or the plain .onnx file of a stranger.

        Parameters
        ----------
        given : PictureInput, optional
            How the input of a plain file is made; a bundle's graph reads pictures as they are.

        Raises
        ------
        BundleError
            If there is none, it is broken, unsafe or of another kind, or its input cannot be a picture.
        SettingsError
            If `given` comes with a bundle, or is of another size or layout than the graph.
        DeviceError
            If the GPU is required and not used.
        """
        if not isinstance(source, Bundle) and Path(source).is_file():
            path = Path(source)
            return cls(read_model(path), path.name, given or PictureInput(), device, require_gpu)
        if given is not None:
            raise SettingsError(
                "A bundle says itself how its input is made; leave size, layout, mean, std and range to plain .onnx files."
            )
        return cls._of_bundle(source if isinstance(source, Bundle) else open_bundle(source), device, require_gpu)

    @classmethod
    def _of_bundle(cls, bundle: Bundle, device: Device, require_gpu: bool) -> ImageModel:
        manifest = bundle.manifest
        if not isinstance(manifest, ImageModelManifest):
            raise BundleVersionError(
                f"Bundle '{bundle.folder.name}' must be an image model; it is of kind '{manifest.kind}'. Choose another."
            )
        name = f"{GRAPH} of bundle '{bundle.folder.name}'"
        whole = OnnxModel(bundle.read(GRAPH), device, require_gpu, name)
        if len(manifest.inputs) != 1 or len(manifest.outputs) != 1 or manifest.inputs[0] != _image(manifest.image_size):
            raise BundleCorruptError(f"{name} must have a picture as its one input and one output. Export it again.")
        whole.expect(manifest.inputs[0], manifest.outputs[0])
        verify_golden(bundle, {"model": whole})
        opened = cls(
            bundle.read(GRAPH), name, PictureInput(size=manifest.image_size, layout="nhwc"), device, require_gpu
        )
        opened.bundle = bundle
        return opened

    @property
    def image_size(self) -> int:
        """Side of its pictures in pixels; others are resized."""
        assert self._given.size is not None
        return self._given.size

    def unit(self, layer: str, channel: int, place: tuple[int, ...] | None = None) -> Unit:
        """One unit as a callable, pictures uint8 (n, side, side, 3) -> float64 (n,).

        Parameters
        ----------
        layer : str
            One of `layers`.
        channel : int
            Counted from 0.
        place : (row, column), optional
            In a map; None for its middle. A vector has no place.

        Raises
        ------
        SettingsError
            If there is no such layer, channel or place; the message names what there is.
        """
        self._require(layer)
        shape = self.layers[layer]
        index = _index(shape, channel, place, f"Layer '{layer}' of {self.name}")
        where = f", place {', '.join(map(str, index[1:]))}" if index[1:] else ""
        return Unit(
            f"{layer}, channel {channel}{where}", self._cut(layer), int(np.ravel_multi_index(index, shape)), self._given
        )

    def activations(self, layer: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """All of a layer for each picture, (n, ...); raises as `unit` and as a unit."""
        self._require(layer)
        return _activations(self._cut(layer), self._given, images)

    def _require(self, layer: str) -> None:
        """Raise SettingsError unless there is such a layer."""
        if layer not in self.layers:
            near = difflib.get_close_matches(layer, self.layers, n=3, cutoff=0.3) or list(self.layers)
            raise SettingsError(
                f"{self.name} has no layer '{layer}'; the nearest are {listed(near)}. Choose one of them."
            )

    def _cut(self, layer: str) -> OnnxModel:
        """The graph up to a layer, opened once."""
        if layer not in self._opened:
            content = cut_at(self._model, layer, self.layers[layer], self._batch)
            name = f"{layer} of {self.name}"
            with _running(name):
                self._opened[layer] = OnnxModel(content, self._device, self._require_gpu, name, warm_up_runs=1)
        return self._opened[layer]


def _image(size: int) -> TensorSpec:
    return tensor_specs(1, size)[1]


def _index(shape: Shape, channel: int, place: tuple[int, ...] | None, what: str) -> Shape:
    """Index of a unit into an activation without its batch."""
    if not 0 <= channel < shape[0]:
        raise SettingsError(f"{what} has channels 0 to {shape[0] - 1}; got {channel}. Choose one of them.")
    wanted = tuple(length // 2 for length in shape[1:]) if place is None else place
    inside = len(wanted) == len(shape) - 1 and all(
        0 <= at < length for at, length in zip(wanted, shape[1:], strict=True)
    )
    if not inside:
        there = " x ".join(map(str, shape[1:])) or "no"
        raise SettingsError(f"{what} has {there} places, counted from 0; got {wanted}. Choose one of them, or none.")
    return (channel, *wanted)


def _settled(model: onnx.ModelProto, given: PictureInput, name: str) -> tuple[PictureInput, Shape, int | None]:
    """The input with its size, its shape without the batch, and the length of the batch if that is fixed.

    Raises
    ------
    BundleError
        If the graph has not one input that can be a picture.
    SettingsError
        If its size is not known, or another than was given.
    """
    inputs = picture_inputs(model)
    if len(inputs) != 1:
        raise BundleError(
            f"{name} must have one input, a picture; it has {len(inputs)}: {listed([each.name for each in inputs])}. Choose a "
            "model that reads pictures alone."
        )
    kind, shape = inputs[0].type.tensor_type.elem_type, shape_of(inputs[0])
    colours = (1 if given.layout == "nchw" else 3) if len(shape) == 4 else None
    if kind not in _PICTURE_KINDS or colours is None or shape[colours] not in (3, None):
        raise BundleError(
            f"{name} must have an input that can be a picture, float32 or uint8 with 3 colours as {given.layout}; it has "
            f"'{inputs[0].name}' of ONNX type {kind} and shape {_words(shape)}. Say nhwc if colours come last, or choose a "
            "model that reads colour pictures."
        )
    batch, *others = shape
    sides = [length for axis, length in enumerate(others, 1) if axis != colours]
    return *_sized(given, sides, name), batch


_PICTURE_KINDS = (1, 2)
"""ONNX's numbers for float32 and uint8."""


def _words(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"


def _sized(given: PictureInput, sides: Sequence[int | None], name: str) -> tuple[PictureInput, Shape]:
    """The input with its size, and its shape without the batch."""
    size = given.size or sides[0] or sides[1]
    if size is None:
        raise SettingsError(f"{name} reads pictures of any size; say which (size).")
    if any(side not in (size, None) for side in sides):
        raise SettingsError(
            f"{name} must read square pictures of {size} pixels, as was asked; it reads {_words(sides)}. Leave the size out "
            "if both are the same, or choose another model."
        )
    shape = (3, size, size) if given.layout == "nchw" else (size, size, 3)
    return given.model_copy(update={"size": size}), shape

"""Latent -> picture and, where there is an encoder, picture -> latent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.bundle import Bundle, open_bundle
from bci_app.contract.checks import check_shape
from bci_app.contract.errors import BundleCorruptError, BundleError, BundleVersionError, PictureError, SignalError
from bci_app.contract.manifest import GeneratorManifest, LatentSpace, TensorSpec
from bci_app.inference.golden import verify_golden
from bci_app.inference.session import Device, OnnxModel

T = TypeVar("T", bound=np.generic)

_LARGEST_BATCH = 64
"""Pictures per run of a graph; more only need more memory."""


class Generator:
    """An opened generator bundle. Make it with `Generator.open`.

    Safe to use from several threads.

    Attributes
    ----------
    bundle : Bundle
    manifest : GeneratorManifest
    device : str
        What it runs on, in plain words.
    fell_back : str or None
        Why a GPU that was asked for is not used.
    """

    def __init__(self, bundle: Bundle, manifest: GeneratorManifest, models: dict[str, OnnxModel]) -> None:
        self.bundle = bundle
        self.manifest = manifest
        self.device = models["generator"].device
        self.fell_back = models["generator"].fell_back
        self._models = models

    @classmethod
    def open(cls, bundle: Bundle | Path | str, device: Device = "auto", require_gpu: bool = False) -> Generator:
        """Verify and open a bundle, and compare it with its golden vectors on the device it got.

        Raises
        ------
        BundleError
            If there is no bundle, it is broken or unsafe, or of another kind (see `open_bundle`).
        DeviceError
            If the GPU is required and not used.
        """
        opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
        manifest = opened.manifest
        if not isinstance(manifest, GeneratorManifest):
            raise BundleVersionError(
                f"Bundle '{opened.folder.name}' must be a generator; it is of kind '{manifest.kind}'. Choose another."
            )
        digest = manifest.files["generator.onnx"].sha256 if "generator.onnx" in manifest.files else "missing"
        if digest != manifest.latent_space.generator_sha256:
            raise BundleCorruptError(
                f"The latent space of bundle '{opened.folder.name}' must be that of its generator.onnx; "
                "the digests differ. Export the bundle again."
            )
        models = {}
        for graph, (given, made) in _tensors(manifest).items():
            name = f"{graph}.onnx of bundle '{opened.folder.name}'"
            models[graph] = OnnxModel(opened.read(f"{graph}.onnx"), device, require_gpu, name)
            models[graph].expect(given, made)
        verify_golden(opened, models)
        return cls(opened, manifest, models)

    @property
    def latent_space(self) -> LatentSpace:
        """The space its latents lie in."""
        return self.manifest.latent_space

    @property
    def image_size(self) -> int:
        """Side of its pictures in pixels."""
        return self.manifest.image_size

    @property
    def latent_mean(self) -> NDArray[np.float32]:
        """Mean latent of the training pictures, (latent_dim,)."""
        return np.array(self.manifest.latent_mean, dtype=np.float32)

    def generate(self, latents: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Pictures uint8 (n, h, w, 3) of latents (n, latent_dim), which are clipped to the truncation if there is one.

        Raises
        ------
        SignalError
            If the latents have another shape or hold NaN or infinity.
        """
        check_shape(latents, (None, self.latent_space.dim), "Latents for the generator")
        if not np.isfinite(latents).all():
            raise SignalError("Latents for the generator must be finite numbers; some are NaN or infinite.")
        given = np.ascontiguousarray(latents, dtype=np.float32)
        if self.latent_space.truncation is not None:
            given = np.clip(given, -self.latent_space.truncation, self.latent_space.truncation)
        empty = np.empty((0, self.image_size, self.image_size, 3), np.uint8)
        return _in_batches(self._models["generator"], given, empty)

    def encode(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Latents float32 (n, latent_dim) of pictures uint8 (n, h, w, 3) of the bundle's size.

        Raises
        ------
        PictureError
            If the pictures have another shape or type.
        BundleError
            If the bundle has no encoder.
        """
        self.require_encoder()
        size = self.image_size
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (size, size, 3):
            raise PictureError(
                f"The encoder reads pictures uint8 (n, {size}, {size}, 3); got {images.dtype} {images.shape}. "
                "Resize and convert them first (bci_app.pictures.picture.resize)."
            )
        empty = np.empty((0, self.latent_space.dim), np.float32)
        return _in_batches(self._models["encoder"], np.ascontiguousarray(images), empty)

    def require_encoder(self) -> None:
        """Raise BundleError if the bundle only draws, before work begins that needs latents of pictures."""
        if not self.manifest.has_encoder:
            raise BundleError(
                f"Bundle '{self.manifest.name}' has no encoder: it draws pictures from latents, but no picture has a "
                "latent, so no decoder can be learnt for it or scored with it. Choose a generator with an encoder, such as "
                "a BigBiGAN."
            )


def _in_batches(model: OnnxModel, given: NDArray[np.generic], empty: NDArray[T]) -> NDArray[T]:
    if len(given) == 1:
        return model.run(given)
    parts = [model.run(given[start : start + _LARGEST_BATCH]) for start in range(0, len(given), _LARGEST_BATCH)]
    return np.concatenate([empty, *parts])


def _tensors(manifest: GeneratorManifest) -> dict[str, tuple[TensorSpec, TensorSpec]]:
    """Input and output of each graph; the manifest lists generator first, then encoder if there is one."""
    latent, image = tensor_specs(manifest.latent_space.dim, manifest.image_size)
    graphs = {"generator": (latent, image)} | ({"encoder": (image, latent)} if manifest.has_encoder else {})
    wanted_inputs, wanted_outputs = (tuple(tensors[end] for tensors in graphs.values()) for end in (0, 1))
    if manifest.inputs != wanted_inputs or manifest.outputs != wanted_outputs:
        raise BundleCorruptError(
            f"Bundle '{manifest.name}' must list the inputs {_names(wanted_inputs)} and the outputs "
            f"{_names(wanted_outputs)}, with latents of {latent.shape} and pictures of {image.shape}. Export it again."
        )
    return graphs


def _names(tensors: Sequence[TensorSpec]) -> str:
    return ", ".join(tensor.name for tensor in tensors)


def tensor_specs(latent_dim: int, image_size: int) -> tuple[TensorSpec, TensorSpec]:
    """How latent and image are described in a generator's manifest."""
    latent = TensorSpec(name="latent", axes=("batch", "component"), dtype="float32", shape=("batch", latent_dim))
    axes = ("batch", "height", "width", "colour")
    image = TensorSpec(name="image", axes=axes, dtype="uint8", shape=("batch", image_size, image_size, 3))
    return latent, image

"""Window of a brain signal -> latent, and the matched noise that its twin reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.bundle import Bundle, open_bundle
from bci_app.contract.checks import check_finite, check_shape
from bci_app.contract.errors import BundleCorruptError, BundleVersionError, LatentSpaceError
from bci_app.contract.manifest import DecoderManifest
from bci_app.contract.noise import unpack_noise
from bci_app.contract.windowing import samples_per_window
from bci_app.inference.generator import Generator
from bci_app.inference.golden import verify_golden, verify_preprocessing
from bci_app.inference.session import Device, OnnxModel

Floats = NDArray[np.float32]


class Decoder:
    """An opened decoder bundle. Make it with `Decoder.open`.

    Safe to use from several threads.

    Attributes
    ----------
    bundle : Bundle
    manifest : DecoderManifest
    device : str
        What it runs on, in plain words.
    fell_back : str or None
        Why a GPU that was asked for is not used.
    """

    def __init__(self, bundle: Bundle, manifest: DecoderManifest, model: OnnxModel) -> None:
        self.bundle = bundle
        self.manifest = manifest
        self.device = model.device
        self.fell_back = model.fell_back
        self._model = model
        arrays = bundle.arrays("noise.npz")
        self._noise = unpack_noise(arrays, self.n_channels, self.n_times, bundle.folder.name)

    @classmethod
    def open(
        cls,
        bundle: Bundle | Path | str,
        generator: Generator | None = None,
        device: Device = "auto",
        require_gpu: bool = False,
    ) -> Decoder:
        """Verify and open a bundle, and compare it with its golden vectors on the device it got.

        Parameters
        ----------
        generator : Generator, optional
            What will draw its latents; refused if the decoder was learnt with another.

        Raises
        ------
        BundleError
            If there is no bundle, it is broken or unsafe, or of another kind (see `open_bundle`).
        LatentSpaceError
            If decoder and generator were not made for each other.
        DeviceError
            If the GPU is required and not used.
        """
        opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
        manifest = opened.manifest
        if not isinstance(manifest, DecoderManifest):
            raise BundleVersionError(
                f"Bundle '{opened.folder.name}' must be a decoder; it is of kind '{manifest.kind}'. Choose another."
            )
        if generator is not None:
            check_latent_space(manifest, generator)
        name = f"decoder.onnx of bundle '{opened.folder.name}'"
        model = OnnxModel(opened.read("decoder.onnx"), device, require_gpu, name)
        if len(manifest.inputs) != 1 or len(manifest.outputs) != 1 or len(manifest.inputs[0].shape) != 3:
            raise BundleCorruptError(
                f"{name} must have one input (batch, n_channels, n_times) and one output. Export it again."
            )
        model.expect(manifest.inputs[0], manifest.outputs[0])
        _check_window(manifest, name)
        verify_golden(opened, {"decoder": model})
        verify_preprocessing(opened, manifest.preprocessing)
        return cls(opened, manifest, model)

    @property
    def n_channels(self) -> int:
        """Channels of a window."""
        return int(self.manifest.inputs[0].shape[1])

    @property
    def n_times(self) -> int:
        """Samples of a window."""
        return int(self.manifest.inputs[0].shape[2])

    @property
    def latent_mean(self) -> Floats:
        """Mean latent of the training trials, (latent_dim,)."""
        return np.array(self.manifest.latent_mean, dtype=np.float32)

    def decode(self, window: NDArray[np.floating]) -> Floats:
        """Latent (latent_dim,) of a preprocessed window (n_channels, n_times) in microvolts.

        Raises
        ------
        SignalError
            If the window has another shape or holds NaN or infinity.
        """
        check_shape(window, (self.n_channels, self.n_times), "A window for the decoder")
        check_finite(window, self.manifest.channels, "A window for the decoder")
        latent: Floats = self._model.run(np.ascontiguousarray(window[np.newaxis], dtype=np.float32))[0]
        return latent

    def decode_many(self, windows: NDArray[np.floating]) -> Floats:
        """Latents (n, latent_dim) of preprocessed windows (n, n_channels, n_times) in microvolts.

        Raises
        ------
        SignalError
            As `decode`.
        """
        check_shape(windows, (None, self.n_channels, self.n_times), "Windows for the decoder")
        for window in windows:
            check_finite(window, self.manifest.channels, "A window for the decoder")
        if len(windows) == 0:
            return np.empty((0, self.manifest.latent_space.dim), np.float32)
        return np.asarray(self._model.run(np.ascontiguousarray(windows, dtype=np.float32)))

    def noise_windows(self, rng: np.random.Generator, n: int) -> Floats:
        """`n` windows (n, n_channels, n_times) of noise with the mean and covariances of the real ones, in microvolts.

        The model is Gaussian with a covariance that is the product of one over channels and one over times: what
        remains when everything that depends on the picture is taken out.
        """
        return self._noise.draw(rng, n)


def _check_window(manifest: DecoderManifest, name: str) -> None:
    """Raise BundleCorruptError unless channels and cut give just the window that the graph reads."""
    n_times = samples_per_window(manifest.cut, manifest.preprocessing.output_sfreq)
    wanted, got = (len(manifest.channels), n_times), manifest.inputs[0].shape[1:]
    if wanted != got:
        raise BundleCorruptError(
            f"{name} must read windows of {wanted[0]} channels and {wanted[1]} samples, as its manifest cuts them; it reads "
            f"{got}. Export the bundle again."
        )


def check_latent_space(manifest: DecoderManifest, generator: Generator) -> None:
    """Raise LatentSpaceError unless the decoder was learnt with exactly this generator."""
    wanted, got = manifest.latent_space, generator.latent_space
    if (wanted.generator_sha256, wanted.dim) != (got.generator_sha256, got.dim):
        raise LatentSpaceError(
            f"Decoder '{manifest.name}' was learnt with the generator of latent space '{wanted.id}' ({wanted.dim} "
            f"numbers, digest {wanted.generator_sha256[:12]}); generator '{generator.manifest.name}' has '{got.id}' "
            f"({got.dim} numbers, digest {got.generator_sha256[:12]}). Choose its own generator, or calibrate again."
        )

"""Tiny real graphs: a linear generator, its linear encoder, and linear decoders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bci_app.contract.bundle import Bundle, pack_arrays, sha256_of, write_bundle
from bci_app.contract.manifest import (
    DecoderManifest,
    GeneratorManifest,
    Golden,
    LatentSpace,
    Provenance,
    TensorSpec,
)
from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor
from bci_app.contract.signal import Chunk
from bci_app.contract.windowing import TrialSpec

DIM, SIZE, N_CHANNELS, N_TIMES = 4, 8, 2, 10
PROVENANCE = Provenance(
    created="2026-01-01T00:00:00+00:00",
    command="test",
    commit="0",
    recipe={},
    data=(),
    licence="BSD-3-Clause",
    versions={},
)


def _graph(nodes: list[Any], weights: dict[str, np.ndarray], given: Any, made: Any) -> onnx.ModelProto:
    initializers = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "tiny", [given], [made], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def _value(name: str, kind: int, *shape: int) -> Any:
    return helper.make_tensor_value_info(name, kind, ["batch", *shape])


def _generator_graph(weights: np.ndarray) -> onnx.ModelProto:
    nodes = [
        helper.make_node("MatMul", ["latent", "weights"], ["product"]),
        helper.make_node("Add", ["product", "grey"], ["pixels"]),
        helper.make_node("Clip", ["pixels", "least", "most"], ["clipped"]),
        helper.make_node("Reshape", ["clipped", "shape"], ["square"]),
        helper.make_node("Cast", ["square"], ["image"], to=TensorProto.UINT8),
    ]
    constants = {
        "weights": weights,
        "grey": np.array(128, np.float32),
        "least": np.array(0, np.float32),
        "most": np.array(255, np.float32),
        "shape": np.array([-1, SIZE, SIZE, 3], np.int64),
    }
    given, made = _value("latent", TensorProto.FLOAT, DIM), _value("image", TensorProto.UINT8, SIZE, SIZE, 3)
    return _graph(nodes, constants, given, made)


def _encoder_graph(weights: np.ndarray) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["numbers"], ["pixels"]),
        helper.make_node("Sub", ["pixels", "grey"], ["centred"]),
        helper.make_node("MatMul", ["centred", "weights"], ["latent"]),
    ]
    constants = {"weights": weights, "grey": np.array(128, np.float32)}
    given, made = _value("image", TensorProto.UINT8, SIZE, SIZE, 3), _value("latent", TensorProto.FLOAT, DIM)
    return _graph(nodes, constants, given, made)


def _decoder_graph(weights: np.ndarray) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Flatten", ["window"], ["samples"]),
        helper.make_node("MatMul", ["samples", "weights"], ["latent"]),
    ]
    given, made = _value("window", TensorProto.FLOAT, N_CHANNELS, N_TIMES), _value("latent", TensorProto.FLOAT, DIM)
    return _graph(nodes, {"weights": weights}, given, made)


@pytest.fixture
def weights() -> SimpleNamespace:
    """Weights of the tiny graphs; the encoder's are the pseudo-inverse of the generator's."""
    rng = np.random.default_rng(0)
    generator = rng.normal(0, 20, (DIM, SIZE * SIZE * 3)).astype(np.float32)
    decoder = rng.normal(0, 0.1, (N_CHANNELS * N_TIMES, DIM)).astype(np.float32)
    return SimpleNamespace(generator=generator, encoder=np.linalg.pinv(generator), decoder=decoder)


@pytest.fixture
def decoder_graph(weights: SimpleNamespace) -> onnx.ModelProto:
    """A valid graph to spoil."""
    return _decoder_graph(weights.decoder)


def _tensors() -> tuple[TensorSpec, TensorSpec]:
    latent = TensorSpec(name="latent", axes=("batch", "component"), dtype="float32", shape=("batch", DIM))
    axes = ("batch", "height", "width", "colour")
    return latent, TensorSpec(name="image", axes=axes, dtype="uint8", shape=("batch", SIZE, SIZE, 3))


@pytest.fixture
def make_generator(tmp_path: Path, weights: SimpleNamespace) -> Callable[..., Bundle]:
    """Writes a generator bundle, `only_draws` without encoder; keywords change its manifest, `off` its golden latents."""

    def make(
        name: str = "tiny", scale: float = 1.0, off: float = 0.0, only_draws: bool = False, **changes: Any
    ) -> Bundle:
        generator = _generator_graph(weights.generator * np.float32(scale)).SerializeToString()
        latents = np.random.default_rng(1).normal(size=(3, DIM)).astype(np.float32)
        images = np.clip(latents @ weights.generator * scale + 128, 0, 255).astype(np.uint8).reshape(3, SIZE, SIZE, 3)
        read = (images.reshape(3, -1).astype(np.float32) - 128) @ weights.encoder
        golden = {
            "generator.latent": latents,
            "generator.image": images,
            "encoder.image": images,
            "encoder.latent": (read + off).astype(np.float32),
        }
        latent, image = _tensors()
        values: dict[str, Any] = {
            "name": name,
            "image_size": SIZE,
            "latent_mean": (0.0,) * DIM,
            "latent_space": LatentSpace(id=name, dim=DIM, generator_sha256=sha256_of(generator)),
            "inputs": (latent, image),
            "outputs": (image, latent),
            "golden": Golden(atol=1e-3, rtol=1e-3),
            "provenance": PROVENANCE,
        }
        files = {"generator.onnx": generator, "encoder.onnx": _encoder_graph(weights.encoder).SerializeToString()}
        if only_draws:
            values |= {"inputs": (latent,), "outputs": (image,)}
            golden = {key: array for key, array in golden.items() if key.startswith("generator.")}
            del files["encoder.onnx"]
        files["golden.npz"] = pack_arrays(**golden)
        return write_bundle(tmp_path / name, GeneratorManifest(**(values | changes)), files)

    return make


@pytest.fixture
def make_decoder(tmp_path: Path, weights: SimpleNamespace) -> Callable[..., Bundle]:
    """Writes a decoder bundle for a generator bundle; `noise` and `golden` replace these arrays."""

    def make(generator: Bundle, noise: dict[str, Any] | None = None, golden: dict[str, Any] | None = None) -> Bundle:
        preprocessing = PreprocessingSpec.design(("O1", "O2"), 100.0, band_hz=(1.0, 30.0))
        raw = np.random.default_rng(3).normal(size=(N_CHANNELS, 40)).astype(np.float32)
        windows = np.random.default_rng(2).normal(size=(3, N_CHANNELS, N_TIMES)).astype(np.float32)
        windows[0] = Preprocessor(preprocessing).process(Chunk(raw, np.arange(40) / 100, 0)).data[:, -N_TIMES:]
        latents = windows.reshape(3, -1) @ weights.decoder
        axes = ("batch", "channel", "time")
        window = TensorSpec(name="window", axes=axes, dtype="float32", shape=("batch", N_CHANNELS, N_TIMES))
        manifest = DecoderManifest(
            name="tiny decoder",
            latent_mean=(0.0,) * DIM,
            latent_space=generator.manifest.latent_space,
            inputs=(window,),
            outputs=(_tensors()[0],),
            golden=Golden(atol=1e-4, rtol=1e-4),
            provenance=PROVENANCE,
            preprocessing=preprocessing,
            cut=TrialSpec(start_s=0.0, stop_s=0.1, baseline_s=None),
        )
        plain = {
            "mean": np.full((N_CHANNELS, N_TIMES), 5.0),
            "space": np.array([[2.0, 0.0], [1.0, 1.0]]),
            "time": np.eye(N_TIMES),
        }
        files = {
            "decoder.onnx": _decoder_graph(weights.decoder).SerializeToString(),
            "golden.npz": pack_arrays(**(golden or {"raw": raw, "decoder.window": windows, "decoder.latent": latents})),
            "noise.npz": pack_arrays(**(plain | (noise or {}))),
        }
        return write_bundle(tmp_path / "decoder", manifest, files)

    return make

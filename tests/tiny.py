"""Tiny real bundles, made on the spot: a linear generator with its encoder, and decoders for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from bci_app.calibration.export import provenance_here, write_decoder_bundle
from bci_app.calibration.ridge import LinearReader
from bci_app.contract.bundle import Bundle, pack_arrays, sha256_of, write_bundle
from bci_app.contract.manifest import DecoderKind, GeneratorManifest, Golden, LatentSpace
from bci_app.contract.noise import NoiseModel
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.units import Unit
from bci_app.contract.windowing import TrialSpec, WindowSpec, samples_per_window
from bci_app.inference.generator import tensor_specs

DIM, SIZE = 6, 16
PROVENANCE = provenance_here("made by a test", {}, ("none",), "not recorded")


def _model(nodes: list, given: tuple, made: tuple, constants: dict[str, np.ndarray]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(*given)],
        [helper.make_tensor_value_info(*made)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())


def tiny_generator(folder: Path, seed: int = 0) -> Bundle:
    """image = clip(128 + latent @ W), and its pseudo-inverse as encoder."""
    rng = np.random.default_rng(seed)
    weights = (12 * rng.normal(size=(DIM, SIZE * SIZE * 3))).astype(np.float32)
    back = np.linalg.pinv(weights).astype(np.float32)
    middle = np.array(128, np.float32)
    shape = np.array([0, SIZE, SIZE, 3], np.int64)
    make = helper.make_node
    graph = _model(
        [
            make("MatMul", ["latent", "weights"], ["flat"]),
            make("Add", ["flat", "middle"], ["raised"]),
            make("Clip", ["raised", "low", "high"], ["clipped"]),
            make("Cast", ["clipped"], ["bytes"], to=TensorProto.UINT8),
            make("Reshape", ["bytes", "shape"], ["image"]),
        ],
        ("latent", TensorProto.FLOAT, ["batch", DIM]),
        ("image", TensorProto.UINT8, ["batch", SIZE, SIZE, 3]),
        {"weights": weights, "middle": middle, "low": np.float32(0).reshape(()), "high": np.float32(255).reshape(()),
         "shape": shape},
    )  # fmt: skip
    encoder = _model(
        [
            make("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
            make("Sub", ["numbers", "middle"], ["centred"]),
            make("Flatten", ["centred"], ["flat"], axis=1),
            make("MatMul", ["flat", "back"], ["latent"]),
        ],
        ("image", TensorProto.UINT8, ["batch", SIZE, SIZE, 3]),
        ("latent", TensorProto.FLOAT, ["batch", DIM]),
        {"middle": middle, "back": back},
    )
    latents = rng.normal(size=(2, DIM)).astype(np.float32)
    images = np.clip(128 + latents @ weights, 0, 255).astype(np.uint8).reshape(2, SIZE, SIZE, 3)
    encoded = ((images.astype(np.float32) - 128).reshape(2, -1) @ back).astype(np.float32)
    latent, image = tensor_specs(DIM, SIZE)
    manifest = GeneratorManifest(
        name="tiny generator",
        inputs=(latent, image),
        outputs=(image, latent),
        golden=Golden(atol=1e-3, rtol=1e-3),
        provenance=PROVENANCE,
        latent_space=LatentSpace(id=f"tiny-{seed}", dim=DIM, generator_sha256=sha256_of(graph)),
        image_size=SIZE,
        latent_mean=(0.0,) * DIM,
    )
    golden = {
        "generator.latent": latents,
        "generator.image": images,
        "encoder.image": images,
        "encoder.latent": encoded,
    }
    return write_bundle(
        folder,
        manifest,
        {"generator.onnx": graph, "encoder.onnx": encoder, "golden.npz": pack_arrays(**golden), "card.md": b"# tiny\n"},
    )


def tiny_image_model(side: int = 8, n_channels: int = 4, batch: int | str = "batch", seed: int = 0) -> bytes:
    """input (batch, 3, side, side) -> conv, a product with a matrix at each place -> relu -> pooled, its mean -> scores."""
    rng = np.random.default_rng(seed)
    weights = {
        "kernel": rng.normal(size=(n_channels, 3, 1, 1)).astype(np.float32),
        "head": rng.normal(size=(n_channels, 2)).astype(np.float32),
    }
    make = helper.make_node
    nodes = [
        make("Conv", ["input", "kernel"], ["conv"]),
        make("Relu", ["conv"], ["relu"]),
        make("GlobalAveragePool", ["relu"], ["average"]),
        make("Flatten", ["average"], ["pooled"]),
        make("MatMul", ["pooled", "head"], ["scores"]),
    ]
    given = ("input", TensorProto.FLOAT, [batch, 3, side, side])
    return _model(nodes, given, ("scores", TensorProto.FLOAT, [batch, 2]), weights)


def tiny_decoder(
    folder: Path,
    generator: Bundle,
    channels: tuple[str, ...],
    sfreq: float,
    cut: TrialSpec | WindowSpec,
    decimation: int = 2,
    seed: int = 0,
    dim: int = DIM,
    kind: DecoderKind = "eeg-decoder",
) -> Bundle:
    """A random linear reader with real filters, for any channels, rate and cut; of voxels and counts as they come."""
    assert isinstance(generator.manifest, GeneratorManifest)
    if kind == "eeg-decoder":
        spec = PreprocessingSpec.design(channels, sfreq, (1.0, 0.3 * sfreq / decimation), decimation=decimation)
    else:
        unit: Unit = "au" if kind == "fmri-decoder" else "count"
        spec = PreprocessingSpec(channels=channels, sfreq=sfreq, unit=unit, reference="none")
    n_times = samples_per_window(cut, spec.output_sfreq)
    rng = np.random.default_rng(seed)
    scale = 1 / (10 * np.sqrt(len(channels) * n_times))
    reader = LinearReader(
        (scale * rng.normal(size=(len(channels), n_times, dim))).astype(np.float32),
        np.zeros(dim, np.float32),
        np.zeros(dim, np.float32),
    )
    noise = NoiseModel(
        np.zeros((len(channels), n_times), np.float32),
        10 * np.eye(len(channels), dtype=np.float32),
        np.eye(n_times, dtype=np.float32),
    )
    return write_decoder_bundle(
        folder,
        reader,
        noise,
        name="tiny decoder",
        preprocessing=spec,
        cut=cut,
        generator=generator.manifest,
        provenance=PROVENANCE,
        metrics=(),
        kind=kind,
    )

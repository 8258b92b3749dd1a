"""Networks -> ONNX -> a bundle that the program has opened and compared before it exists."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bci_app.contract.bundle import Bundle, pack_arrays, sha256_of, write_bundle
from bci_app.contract.manifest import GeneratorManifest, Golden, LatentSpace, Provenance, Score
from bci_app.inference.generator import Generator as OpenedGenerator
from bci_app.inference.generator import tensor_specs
from models.layers import Whitening
from models.portable import PortableEncoder, PortableGenerator
from training.evaluate.metrics import reconstruction_scores
from training.settings import GeneratorRecipe, PictureSettings

OPSET = 20
N_GOLDEN = 8
ATOL, RTOL = 1e-3, 1e-3
VERSIONS = ("torch", "onnx", "onnxscript", "numpy")


@dataclass(frozen=True, slots=True)
class Portable:
    """Generator and encoder in the form they leave in, with the mean latent of the training pictures."""

    generator: PortableGenerator
    encoder: PortableEncoder
    latent_mean: NDArray[np.float32]


def standardise(generator: nn.Module, encoder: nn.Module, latent_dim: int, train: NDArray[np.uint8]) -> Portable:
    """Wrap both networks so that the latents of the training pictures have mean zero and covariance one.

    It is the covariance of the encoder's means: they are what a decoder learns and what a search starts from. The
    components come in order of their variance before, largest first.
    """
    for network in (generator, encoder):
        network.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    latents = apply(PortableEncoder(encoder, Whitening.identity(latent_dim)), train).astype(np.float64)
    shift = latents.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(latents.T))
    matrix = (directions / np.sqrt(np.maximum(variances, 1e-6)))[:, ::-1]
    standard = Whitening(*(torch.from_numpy(np.ascontiguousarray(each, np.float32)) for each in (shift, matrix)))
    portable = PortableGenerator(generator, standard).eval(), PortableEncoder(encoder, standard).eval()
    mean = ((latents - shift) @ matrix).mean(axis=0).astype(np.float32)
    return Portable(*portable, latent_mean=mean)


def apply(network: nn.Module, inputs: NDArray[Any]) -> NDArray[Any]:
    """Outputs of a portable network for a numpy batch, in parts that fit in memory."""
    with torch.no_grad():
        parts = [network(torch.tensor(inputs[start : start + 256])) for start in range(0, len(inputs), 256)]
    outputs: NDArray[Any] = torch.cat(parts).numpy()
    return outputs


def to_onnx(network: nn.Module, example: Tensor, input_name: str, output_name: str) -> bytes:
    """The graph of a network as one ONNX file with a free batch.

    Parameters
    ----------
    network : nn.Module
        One input, one output, in evaluation mode.
    example : Tensor
        An input of batch 2; a batch of 1 would be taken for a constant.
    """
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)  # speaks of torchvision
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the exporter uses what its own torch calls deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        program = torch.onnx.export(
            network,
            (example,),
            input_names=[input_name],
            output_names=[output_name],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _forget_origin(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _forget_origin(model: Any) -> None:
    """Drop the notes the exporter leaves on every node and value: source lines, with the paths of this machine."""
    graph = model.graph
    for item in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")


def export_generator(
    portable: Portable,
    recipe: GeneratorRecipe,
    folder: Path,
    train: NDArray[np.uint8],
    test: NDArray[np.uint8],
    commit: str,
    command: str,
) -> Bundle:
    """Write the bundle of a generator and its encoder.

    Scores and golden vectors: the golden ones are what torch gives; the scores are those of the graphs as the
    program runs them. A bundle whose graphs give something else never reaches its place.

    Raises
    ------
    BundleError
        If the graphs are refused or do not give what the networks give.
    """
    rng = np.random.default_rng(recipe.seed + 1)
    size, dim = recipe.pictures.size, recipe.network.latent_dim
    golden_latent = rng.standard_normal((N_GOLDEN, dim)).astype(np.float32)
    golden_image = np.ascontiguousarray(test[rng.permutation(len(test))[:N_GOLDEN]])
    generator = to_onnx(portable.generator, torch.zeros(2, dim), "latent", "image")
    encoder = to_onnx(portable.encoder, torch.zeros(2, size, size, 3, dtype=torch.uint8), "image", "latent")
    golden = {
        "generator.latent": golden_latent,
        "generator.image": apply(portable.generator, golden_latent),
        "encoder.image": golden_image,
        "encoder.latent": apply(portable.encoder, golden_image),
    }
    latent, image = tensor_specs(dim, size)
    digest = sha256_of(generator)
    manifest = GeneratorManifest(
        name=recipe.bundle.name,
        image_size=size,
        latent_space=LatentSpace(id=f"{recipe.bundle.name}-{digest[:8]}", dim=dim, generator_sha256=digest),
        latent_mean=tuple(float(number) for number in portable.latent_mean),
        inputs=(latent, image),
        outputs=(image, latent),
        golden=Golden(atol=ATOL, rtol=RTOL),
        provenance=_provenance(recipe, commit, command),
    )
    files = {"generator.onnx": generator, "encoder.onnx": encoder, "golden.npz": pack_arrays(**golden)}
    with tempfile.TemporaryDirectory() as workplace:
        draft = write_bundle(Path(workplace) / recipe.bundle.name, manifest, files)
        opened = OpenedGenerator.open(draft, device="cpu")
        scores = reconstruction_scores(opened.encode, opened.generate, test, train, rng, held_out(recipe.pictures))
    manifest = manifest.model_copy(update={"metrics": scores})
    card = _card(manifest, held_out(recipe.pictures), {name: len(content) for name, content in files.items()})
    return write_bundle(folder, manifest, {**files, "card.md": card.encode()})


def held_out(pictures: PictureSettings) -> str:
    """What the test pictures are to the training pictures, in plain words."""
    if pictures.source == "builtin":
        return (
            "Drawings with other positions, sizes, turns, strokes, hues and contrasts (no picture is in both); "
            "the kinds, colours and handwriting samples themselves were all trained on."
        )
    return "Other pictures of the same source (none with the same pixels is in both)."


def _provenance(recipe: GeneratorRecipe, commit: str, command: str) -> Provenance:
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        commit=commit,
        recipe=recipe.model_dump(mode="json"),
        data=_data(recipe.pictures),
        licence=recipe.bundle.licence,
        versions={name: version(name) for name in VERSIONS},
    )


def _data(pictures: PictureSettings) -> tuple[str, ...]:
    if pictures.source == "builtin":
        return tuple(f"built-in pictures: {family}" for family in pictures.families)
    return (f"pictures of {Path(pictures.source).name}",)


def _card(manifest: GeneratorManifest, withheld: str, sizes: dict[str, int]) -> str:
    """The page a person reads before using the bundle."""
    lines = [
        f"# {manifest.name}",
        "",
        f"Draws {manifest.image_size} x {manifest.image_size} pictures from {manifest.latent_space.dim} numbers, "
        "and reads such numbers from a picture.",
        "",
        "A variational autoencoder; over the training pictures the encoder's numbers have mean 0, variance 1 and no correlation.",
        "",
        f"Trained on: {', '.join(manifest.provenance.data)}. Pictures of other kinds come out as the nearest of these.",
        f"Licence: {manifest.provenance.licence}. Commit: {manifest.provenance.commit}.",
        f"Made by: `{manifest.provenance.command}`",
        f"Files: {', '.join(f'{name} {size / 2**20:.1f} MB' for name, size in sizes.items())}.",
        "",
        "| score | value (95 % interval) | chance | noise instead of latents | shuffled pairing | n |",
        "|---|---|---|---|---|---|",
        *(_row(score) for score in manifest.metrics),
        "",
        f"Held out: {withheld}",
        "",
    ]
    return "\n".join(lines)


def _row(score: Score) -> str:
    interval = f" ({score.low:.4f} to {score.high:.4f})" if score.low is not None and score.high is not None else ""
    others: Sequence[float | None] = (score.chance, score.noise_input, score.shuffled_pairing)
    cells = " | ".join("" if number is None else f"{number:.4f}" for number in others)
    return f"| {score.name} | {score.value:.4f}{interval} | {cells} | {score.n} |"

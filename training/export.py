"""Networks -> ONNX -> a bundle that the program has opened and compared before it exists."""

from __future__ import annotations

import copy
import logging
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor, nn

from bci_app.contract.bundle import Bundle, pack_arrays, sha256_of, write_bundle
from bci_app.contract.errors import BundleError
from bci_app.contract.manifest import GeneratorManifest, Golden, LatentSpace, Provenance, Score
from bci_app.inference.generator import Generator as OpenedGenerator
from bci_app.inference.generator import tensor_specs
from models.gan.blocks import remove_spectral_norm
from models.layers import Whitening
from models.portable import PortableEncoder, PortableGenerator
from training.bundle_card import write_card
from training.evaluate.codes import participation_ratio
from training.evaluate.metrics import reconstruction_scores
from training.gan_recipe import GanRecipe
from training.settings import Frozen, GeneratorRecipe, PictureSettings

OPSET = 20
N_GOLDEN = 8
ATOL, RTOL = 1e-4, 1e-4
"""How far a latent of the graph may be off the network's, the second as a share of it and not for GANs; of a
picture see `bci_app.inference.golden.GREY_LEVELS`."""
VERSIONS = ("torch", "onnx", "onnxscript", "numpy")


@dataclass(frozen=True, slots=True, eq=False)
class Portable:
    """A generator, with its encoder if it has one, in the form they leave in.

    Attributes
    ----------
    generator : PortableGenerator
    encoder : PortableEncoder or None
    latent_mean : float32 array (latent_dim,)
        Mean latent of the training pictures; zero without an encoder.
    about : tuple of str
        What a person should know of the networks and their latents, in sentences for the card.
    truncation : float or None
        Component beyond which latents are clipped.
    """

    generator: PortableGenerator
    encoder: PortableEncoder | None
    latent_mean: NDArray[np.float32]
    about: tuple[str, ...] = ()
    truncation: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A bundle that is nowhere yet: all but scores and card."""

    manifest: GeneratorManifest
    files: Mapping[str, bytes]
    about: tuple[str, ...]


def as_trained(generator: nn.Module, encoder: nn.Module | None, latent_dim: int, train: NDArray[np.uint8]) -> Portable:
    """Wrap copies of the networks, latents as they are.

    Parameters
    ----------
    generator, encoder : nn.Module
        See `models.portable`. Spectral norms are divided out for good.
    latent_dim : int
        Components of the latent.
    train : uint8 array (n, size, size, channels)
        Training pictures, whose channels are those of the networks.

    Raises
    ------
    BundleError
        If a weight is not finite.
    """
    drawing = PortableGenerator(settled(generator)).eval()
    if encoder is None:
        return Portable(drawing, None, np.zeros(latent_dim, np.float32), about=(_AS_DRAWN,))
    reading, latents = _read(encoder, train)
    mean = latents.mean(axis=0).astype(np.float32)
    return Portable(drawing, reading, mean, about=(f"{_AS_DRAWN} {_SPREAD} {_spread(latents)}",))


_AS_DRAWN = "Latents are those that the generator was trained with, drawn from N(0, I)."
_SPREAD = "The encoder gives the mean latent of a picture: over the training pictures these means have"


def _spread(latents: NDArray[np.float64]) -> str:
    """How codes (n, dim) are spread: the end of a sentence that begins with "have"."""
    variance, n_directions = float(latents.var(axis=0).mean()), participation_ratio(latents)
    return f"variance {variance:.2f}, spread like {n_directions:.0f} equal ones of {latents.shape[1]} directions."


def standardise(
    generator: nn.Module,
    encoder: nn.Module,
    latent_dim: int,
    train: NDArray[np.uint8],
    smallest_share: float = 1e-3,
) -> Portable:
    """Wrap copies so that the latents of the training pictures have mean zero and covariance one; see `as_trained`.

    It is the covariance of the encoder's means: they are what a decoder learns and what a search starts from. The
    components come in order of their variance before, largest first.

    Parameters
    ----------
    generator, encoder, latent_dim, train
        See `as_trained`.
    smallest_share : float
        Variance of a direction, as a share of the largest, below which it is stretched no further and keeps a variance
        below one: the encoder says next to nothing in it, and what it says would be drowned in rounding and noise.
    """
    reading, latents = _read(encoder, train)
    shift = latents.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(latents.T))
    smallest = max(smallest_share * float(variances.max()), 1e-6)
    matrix = (directions / np.sqrt(np.maximum(variances, smallest)))[:, ::-1]
    standard = Whitening(*(torch.from_numpy(np.ascontiguousarray(each, np.float32)) for each in (shift, matrix)))
    n_short = int((variances < smallest).sum())
    short = _SHORT.format(n_short=n_short, dim=latent_dim, share=smallest_share) if n_short else ""
    return Portable(
        PortableGenerator(settled(generator), standard).eval(),
        PortableEncoder(reading.encoder, standard, reading.n_channels).eval(),
        latent_mean=((latents - shift) @ matrix).mean(axis=0).astype(np.float32),
        about=(f"{_STANDARD}{short} {_WHITENED_FROM} {_spread(latents)}",),
    )


_STANDARD = "Over the training pictures the encoder's numbers have mean 0, variance 1 and no correlation."
_WHITENED_FROM = "Before they were stretched, in the coordinates the generator was trained on, they have"
_SHORT = (
    " But {n_short} of {dim} directions had varied by less than {share:g} of the largest variance; they are stretched no "
    "further, and have a variance below 1."
)


def _read(encoder: nn.Module, train: NDArray[np.uint8]) -> tuple[PortableEncoder, NDArray[np.float64]]:
    """The encoder with latents as they are, and its latents (n, latent_dim) of the training pictures."""
    reading = PortableEncoder(settled(encoder), n_channels=train.shape[3]).eval()
    return reading, apply(reading, in_colour(train), "encoding the training pictures").astype(np.float64)


def settled(network: nn.Module) -> nn.Module:
    """A copy on the CPU in evaluation mode, spectral norms divided out; BundleError if a weight is not finite."""
    broken = [name for name, value in network.state_dict().items() if not torch.isfinite(value).all()]
    if broken:
        raise BundleError(
            f"Networks leave with finite weights; {', '.join(broken[:3])} of {type(network).__name__} "
            f"{'are' if len(broken) > 1 else 'is'} not. Go back to an earlier checkpoint, or train again at lower rates."
        )
    settled = copy.deepcopy(network).cpu()
    remove_spectral_norm(settled)
    return settled.to(memory_format=torch.contiguous_format).eval()  # type: ignore[no-any-return, call-overload]


def apply(network: nn.Module, inputs: NDArray[Any], title: str = "") -> NDArray[Any]:
    """Outputs of a portable network for a numpy batch, in parts that fit in memory; a `title` shows progress."""
    starts = track(range(0, len(inputs), 256), title, disable=not title, transient=True)
    with torch.no_grad():
        parts = [network(torch.tensor(inputs[start : start + 256])) for start in starts]
    outputs: NDArray[Any] = torch.cat(parts).numpy()
    return outputs


def in_colour(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures (n, h, w, 1 or 3) as the program has them, (n, h, w, 3)."""
    return np.broadcast_to(images, (*images.shape[:3], 3))


def to_onnx(network: nn.Module, example: Tensor, input_name: str, output_name: str) -> bytes:
    """The graph of a network as one ONNX file with a free batch.

    Parameters
    ----------
    network : nn.Module
        One input, one output, in evaluation mode.
    example : Tensor
        An input of batch 2; a batch of 1 would be taken for a constant.
    """
    batch = torch.export.Dim("batch")
    return graph_to_onnx(network, {input_name: example}, (output_name,), ({0: batch},))


def graph_to_onnx(
    network: nn.Module,
    examples: Mapping[str, Tensor],
    output_names: Sequence[str],
    free: Sequence[Mapping[int, Any] | None],
) -> bytes:
    """The graph of a network with any number of inputs and outputs as one ONNX file.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode.
    examples : mapping of str to Tensor
        Inputs by name, in order; 2 or more along an axis that is free.
    output_names : sequence of str
    free : sequence of mapping of int to torch.export.Dim, or None
        The free axes of each input.
    """
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)  # speaks of torchvision
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the exporter uses what its own torch calls deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        program = torch.onnx.export(
            network,
            tuple(example.clone() for example in examples.values()),  # one tensor given twice would become one input
            input_names=list(examples),
            output_names=[_PLAIN + name for name in output_names],
            dynamic_shapes=tuple(free),
            opset_version=OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _rename(model, output_names)
    _forget_origin(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


_PLAIN = "plain."


def _rename(model: Any, names: Sequence[str]) -> None:
    """Give the outputs their plain names; a value inside, which the exporter calls after its operator, may have one already."""
    called = {_PLAIN + name: name for name in names} | {name: f"inner.{name}" for name in names}
    for node in model.graph.node:
        for side in (node.input, node.output):
            side[:] = [called.get(name, name) for name in side]
    for value in (*model.graph.value_info, *model.graph.output):
        value.name = called.get(value.name, value.name)


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
    """Write the bundle of an autoencoder, scored as the program runs it.

    Raises
    ------
    BundleError
        If the graphs are refused or do not give what the networks give.
    """
    portable = replace(portable, about=("A variational autoencoder.", *portable.about))
    draft = draft_bundle(portable, recipe, test, commit, command)
    opened, rng = open_draft(draft), np.random.default_rng((recipe.seed, 1))
    scores = reconstruction_scores(opened.encode, opened.generate, test, train, rng, held_out(recipe.pictures))
    return place_bundle(draft, folder, scores, held_out(recipe.pictures))


def draft_bundle(
    portable: Portable, recipe: GeneratorRecipe | GanRecipe, test: NDArray[np.uint8], commit: str, command: str
) -> Draft:
    """Graphs, golden vectors and manifest. The golden outputs are what torch gives.

    Parameters
    ----------
    portable : Portable
    recipe : GeneratorRecipe or GanRecipe
        Gives seed, sizes, names and provenance.
    test : uint8 array (n, size, size, channels)
        Some of them become golden inputs of the encoder.
    commit, command : str
        Where the networks come from.
    """
    size, dim, name = recipe.pictures.size, recipe.network.latent_dim, recipe.bundle.name or recipe.name
    files = _graphs(portable, dim, test, np.random.default_rng(recipe.seed + 1))
    latent, image = tensor_specs(dim, size)
    digest = sha256_of(files["generator.onnx"])
    manifest = GeneratorManifest(
        name=name,
        image_size=size,
        latent_space=LatentSpace(
            id=f"{name}-{digest[:8]}", dim=dim, truncation=portable.truncation, generator_sha256=digest
        ),
        latent_mean=tuple(float(number) for number in portable.latent_mean),
        inputs=(latent, image) if portable.encoder else (latent,),
        outputs=(image, latent) if portable.encoder else (image,),
        golden=Golden(atol=ATOL, rtol=0.0 if isinstance(recipe, GanRecipe) else RTOL),
        provenance=provenance(recipe.pictures, recipe.bundle.licence, recipe, commit, command),
    )
    return Draft(manifest, files, portable.about)


def _graphs(portable: Portable, dim: int, test: NDArray[np.uint8], rng: np.random.Generator) -> dict[str, bytes]:
    """The graphs by file name, and the file of their golden vectors."""
    latents = rng.standard_normal((N_GOLDEN, dim)).astype(np.float32)
    golden = {"generator.latent": latents, "generator.image": apply(portable.generator, latents)}
    files = {"generator.onnx": to_onnx(portable.generator, torch.zeros(2, dim), "latent", "image")}
    if portable.encoder is not None:
        images = np.ascontiguousarray(in_colour(test[rng.permutation(len(test))[:N_GOLDEN]]))
        golden |= {"encoder.image": images, "encoder.latent": apply(portable.encoder, images)}
        example = torch.zeros(2, *images.shape[1:], dtype=torch.uint8)
        files["encoder.onnx"] = to_onnx(portable.encoder, example, "image", "latent")
    return files | {"golden.npz": pack_arrays(**golden)}


def open_draft(draft: Draft) -> OpenedGenerator:
    """The graphs as the program runs them, once they give the golden outputs; BundleError if they do not."""
    with tempfile.TemporaryDirectory() as workplace:
        return OpenedGenerator.open(write_bundle(Path(workplace) / "draft", draft.manifest, draft.files), device="cpu")


def place_bundle(draft: Draft, folder: Path, scores: Sequence[Score], held_out: str) -> Bundle:
    """Write the bundle with its scores and its card; BundleError if the folder cannot be written."""
    manifest = draft.manifest.model_copy(update={"metrics": tuple(scores)})
    card = write_card(manifest, draft.files, draft.about, held_out)
    return write_bundle(folder, manifest, {**draft.files, "card.md": card.encode()})


def held_out(pictures: PictureSettings) -> str:
    """What the test pictures are to the training pictures, in plain words."""
    if pictures.source == "builtin":
        return (
            "Drawings with other positions, sizes, turns, strokes, hues and contrasts (no picture is in both); "
            "the kinds, colours and handwriting samples themselves were all trained on."
        )
    return "Other pictures of the same source (none with the same pixels is in both)."


def provenance(pictures: PictureSettings, licence: str, recipe: Frozen, commit: str, command: str) -> Provenance:
    """Where networks come from that were trained on `pictures` by a `recipe`."""
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        commit=commit,
        recipe=recipe.model_dump(mode="json"),
        data=_data(pictures),
        licence=licence or ("BSD-3-Clause" if pictures.source == "builtin" else "not stated"),
        versions={name: version(name) for name in VERSIONS},
    )


def _data(pictures: PictureSettings) -> tuple[str, ...]:
    if pictures.source == "builtin":
        return tuple(f"built-in pictures: {family}" for family in pictures.families)
    return (f"pictures of {Path(pictures.source).name}",)

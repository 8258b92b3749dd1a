"""A trained classifier -> the bundle of an image model, whose units the program drives."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch

from bci_app.contract.bundle import Bundle, pack_arrays, write_bundle
from bci_app.contract.errors import SettingsError
from bci_app.contract.manifest import Golden, ImageModelManifest, TensorSpec
from bci_app.inference.generator import tensor_specs
from bci_app.inference.image_model import GRAPH, ImageModel
from models.portable import PortableClassifier
from training.bundle_card import write_classifier_card
from training.data.images import Images
from training.evaluate.classifier_files import TrainedClassifier
from training.export import ATOL, N_GOLDEN, apply, in_colour, provenance, to_onnx

_RTOL = 1e-3
_PLAIN = {"Conv": "conv", "LeakyRelu": "rectified", "ReduceMean": "features"}


def export_classifier(trained: TrainedClassifier, folder: Path, test: Images) -> Bundle:
    """Write the bundle of a classifier.

    Parameters
    ----------
    trained : TrainedClassifier
        Whose recipe says what the bundle is called, and whose card brings its accuracy beside the controls.
    folder : Path
        Where the bundle shall stand.
    test : uint8 array (n, size, size, channels)
        The first few are the golden inputs.

    Raises
    ------
    SettingsError
        If the recipe names no bundle.
    BundleError
        If the graph is refused or does not give what the network gives.
    """
    card, wanted = trained.card, trained.card.recipe.bundle
    if wanted is None:
        raise SettingsError(f"The recipe '{card.recipe.name}' must say what its bundle is called (bundle.name).")
    network = PortableClassifier(trained.network, card.n_channels).eval()
    images = np.ascontiguousarray(in_colour(test[:N_GOLDEN]))
    graph = _with_plain_names(to_onnx(network, torch.zeros(2, *images.shape[1:], dtype=torch.uint8), "image", "scores"))
    golden = pack_arrays(**{"model.image": images, "model.scores": apply(network, images)})
    scores = TensorSpec(name="scores", axes=("batch", "class"), dtype="float32", shape=("batch", len(card.classes)))
    manifest = ImageModelManifest(
        name=wanted.name,
        image_size=card.recipe.pictures.size,
        classes=card.classes,
        inputs=(tensor_specs(1, card.recipe.pictures.size)[1],),
        outputs=(scores,),
        golden=Golden(atol=ATOL, rtol=_RTOL),
        provenance=provenance(card.recipe.pictures, wanted.licence, card.recipe, card.commit, card.command),
        metrics=(card.accuracy,),
    )
    files = {GRAPH: graph, "golden.npz": golden}
    text = write_classifier_card(manifest, files, _layers(manifest, files))
    return write_bundle(folder, manifest, {**files, "card.md": text.encode()})


def _layers(manifest: ImageModelManifest, files: dict[str, bytes]) -> list[str]:
    """Name and size of each layer, once the program gets what torch got."""
    with tempfile.TemporaryDirectory() as workplace:
        opened = ImageModel.open(write_bundle(Path(workplace) / "draft", manifest, files), device="cpu")
    named = [name for name in opened.layers if name == "scores" or name.startswith(tuple(_PLAIN.values()))]
    return [f"{name} {' x '.join(map(str, opened.layers[name]))}" for name in named]


def _with_plain_names(content: bytes) -> bytes:
    """The graph with layers called conv1, rectified1, ... and features, and not what the exporter happens to call them."""
    model = onnx.load_from_string(content)
    names: dict[str, str] = {}
    for kind, plain in _PLAIN.items():
        made = [node.output[0] for node in model.graph.node if node.op_type == kind]
        names |= {old: f"{plain}{number}" if len(made) > 1 else plain for number, old in enumerate(made, 1)}
    for node in model.graph.node:
        for side in (node.input, node.output):
            side[:] = [names.get(name, name) for name in side]
    for value in model.graph.value_info:
        value.name = names.get(value.name, value.name)
    return bytes(model.SerializeToString(deterministic=True))

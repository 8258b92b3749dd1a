"""Any unit of an image model answers pictures with what the layers before it compute, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bci_app.bundles import shipped
from bci_app.contract.bundle import open_bundle
from bci_app.contract.errors import (
    BundleCorruptError,
    BundleError,
    BundleUnsafeError,
    BundleVersionError,
    PictureError,
    SettingsError,
)
from bci_app.contract.manifest import parse_manifest
from bci_app.inference.image_model import ImageModel, PictureInput
from bci_app.inference.session import OnnxModel
from bci_app.pictures.picture import resize
from tests.tiny import tiny_image_model

SIDE = 8
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
GIVEN = PictureInput(mean=MEAN, std=STD)


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "theirs.onnx"
    path.write_bytes(content)
    return path


def constants(content: bytes) -> dict[str, np.ndarray]:
    return {each.name: numpy_helper.to_array(each) for each in onnx.load_from_string(content).graph.initializer}


def convolved(pictures: np.ndarray, content: bytes) -> np.ndarray:
    """The first layer (n, channels, height, width), from its definition."""
    numbers = (pictures / 255 - MEAN) / STD
    return np.einsum("nhwc,kc->nkhw", numbers, constants(content)["kernel"][:, :, 0, 0])


def test_every_layer_is_listed_with_its_shape(tmp_path: Path) -> None:
    model = ImageModel.open(written(tmp_path, tiny_image_model()), "cpu")
    there = {"conv": (4, 8, 8), "relu": (4, 8, 8), "average": (4, 1, 1), "pooled": (4,), "scores": (2,)}
    assert model.layers == there
    assert list(model.layers) == list(there)  # in the order of computation
    assert model.image_size == SIDE


def test_a_unit_of_each_kind_of_layer_gives_what_its_definition_says(tmp_path: Path, pictures: np.ndarray) -> None:
    content = tiny_image_model()
    model = ImageModel.open(written(tmp_path, content), "cpu", given=GIVEN)
    conv = convolved(pictures, content)
    pooled = np.maximum(conv, 0).mean(axis=(2, 3))
    wanted = {
        ("conv", 2, (1, 6)): conv[:, 2, 1, 6],
        ("conv", 2, None): conv[:, 2, 4, 4],
        ("relu", 0, (0, 7)): np.maximum(conv[:, 0, 0, 7], 0),
        ("pooled", 3, None): pooled[:, 3],
        ("scores", 1, None): pooled @ constants(content)["head"][:, 1],
    }
    for (layer, channel, place), values in wanted.items():
        unit = model.unit(layer, channel, place)
        np.testing.assert_allclose(unit(pictures), values, atol=1e-5)
        assert unit(pictures).dtype == np.float64
    assert model.unit("conv", 2).name == "conv, channel 2, place 4, 4"
    assert model.unit("pooled", 3).name == "pooled, channel 3"


def test_a_unit_computes_no_more_than_the_layers_before_it(tmp_path: Path) -> None:
    unit = ImageModel.open(written(tmp_path, tiny_image_model()), "cpu").unit("relu", 0)
    assert unit.model.output.name == "relu"


def test_pictures_of_another_size_are_resized_as_everywhere(tmp_path: Path) -> None:
    unit = ImageModel.open(written(tmp_path, tiny_image_model()), "cpu").unit("pooled", 0)
    large = np.random.default_rng(2).integers(0, 256, (3, 30, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(unit(large), unit(np.stack([resize(each, SIDE) for each in large])))


def test_all_of_a_layer_holds_what_its_units_give(tmp_path: Path, pictures: np.ndarray) -> None:
    model = ImageModel.open(written(tmp_path, tiny_image_model()), "cpu")
    maps = model.activations("relu", pictures)
    assert maps.shape == (5, 4, 8, 8)
    np.testing.assert_array_equal(model.unit("relu", 1, (2, 3))(pictures), maps[:, 1, 2, 3])
    assert model.activations("relu", pictures[:0]).shape == (0, 4, 8, 8)
    with pytest.raises(SettingsError, match="no layer 'rely'"):
        model.activations("rely", pictures)


def test_an_old_file_that_lists_its_weights_as_inputs_has_one_input(tmp_path: Path, pictures: np.ndarray) -> None:
    model = onnx.load_from_string(tiny_image_model())
    for each in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(each.name, TensorProto.FLOAT, list(each.dims)))
    opened = ImageModel.open(written(tmp_path, model.SerializeToString()), "cpu", given=GIVEN)
    wanted = convolved(pictures, tiny_image_model())[:, 1, 4, 4]
    np.testing.assert_allclose(opened.unit("conv", 1)(pictures), wanted, atol=1e-5)


def test_a_published_file_of_an_old_operator_set_is_read_by_image_models_alone(
    tmp_path: Path, pictures: np.ndarray
) -> None:
    model = onnx.load_from_string(tiny_image_model())
    model.opset_import[0].version, model.ir_version = 8, 3
    for each in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(each.name, TensorProto.FLOAT, list(each.dims)))
    content = model.SerializeToString()
    opened = ImageModel.open(written(tmp_path, content), "cpu", given=GIVEN)
    np.testing.assert_allclose(
        opened.unit("relu", 1)(pictures), np.maximum(convolved(pictures, content)[:, 1, 4, 4], 0), atol=1e-5
    )
    with pytest.raises(BundleCorruptError, match="operator set 13 to 23; it has 5 nodes of set 8"):
        OnnxModel(content, "cpu")


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_a_batch_that_is_fixed_gives_the_same(tmp_path: Path, pictures: np.ndarray, batch: int) -> None:
    content = tiny_image_model(batch=batch)
    unit = ImageModel.open(written(tmp_path, content), "cpu", given=GIVEN).unit("conv", 0, (0, 0))
    np.testing.assert_allclose(unit(pictures), convolved(pictures, content)[:, 0, 0, 0], atol=1e-5)
    assert unit(pictures[:0]).shape == (0,)


def test_colours_may_come_last_and_black_and_white_may_be_any_numbers(tmp_path: Path, pictures: np.ndarray) -> None:
    model = onnx.load_from_string(tiny_image_model())
    model.graph.input[0].name, model.graph.node[0].input[0] = "picture", "turned"
    model.graph.node.insert(0, helper.make_node("Transpose", ["picture"], ["turned"], perm=[0, 3, 1, 2]))
    for axis, length in zip(model.graph.input[0].type.tensor_type.shape.dim, ("n", "h", "w", 3), strict=True):
        axis.dim_param, axis.dim_value = (length, 0) if isinstance(length, str) else ("", length)
    axis = model.graph.input[0].type.tensor_type.shape.dim[3]
    axis.dim_value = 3
    path = written(tmp_path, model.SerializeToString())
    opened = ImageModel.open(path, "cpu", given=PictureInput(size=SIDE, layout="nhwc", range=(-1.0, 1.0)))
    kernel = constants(tiny_image_model())["kernel"][:, :, 0, 0]
    wanted = (pictures[:, 3, 5] / 127.5 - 1) @ kernel[2]
    np.testing.assert_allclose(opened.unit("conv", 2, (3, 5))(pictures), wanted, atol=1e-5)
    with pytest.raises(SettingsError, match="pictures of any size; say which"):
        ImageModel.open(path, "cpu", given=PictureInput(layout="nhwc"))


def test_the_shipped_classifier_is_driven_by_all_its_layers(pictures: np.ndarray) -> None:
    opened = ImageModel.open(shipped("classifier64"), "cpu")
    whole = OnnxModel(open_bundle(shipped("classifier64")).read("model.onnx"), "cpu")
    large = np.stack([resize(each, opened.image_size) for each in pictures])
    np.testing.assert_allclose(opened.unit("scores", 3)(pictures), whole.run(large)[:, 3], atol=1e-5)
    for layer, shape in opened.layers.items():
        if len(shape) in (1, 3):
            assert opened.unit(layer, shape[0] - 1)(pictures[:1]).shape == (1,)


def test_an_unknown_layer_channel_or_place_is_refused_with_what_there_is(tmp_path: Path) -> None:
    model = ImageModel.open(written(tmp_path, tiny_image_model()), "cpu")
    with pytest.raises(SettingsError, match=r"no layer 'convs'; the nearest are conv"):
        model.unit("convs", 0)
    with pytest.raises(SettingsError, match="channels 0 to 3; got 4"):
        model.unit("conv", 4)
    with pytest.raises(SettingsError, match=r"8 x 8 places, counted from 0; got \(8, 0\)"):
        model.unit("conv", 0, (8, 0))
    with pytest.raises(SettingsError, match="no places"):
        model.unit("scores", 0, (0, 0))


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    unit = ImageModel.open(written(tmp_path, tiny_image_model()), "cpu").unit("scores", 0)
    wrong = (np.zeros((2, 8, 8, 3), np.float32), np.zeros((2, 8, 9, 3), np.uint8), np.zeros((8, 8, 3), np.uint8))
    for images in wrong:
        with pytest.raises(PictureError, match="square pictures uint8"):
            unit(images)  # type: ignore[arg-type]


def test_a_graph_whose_input_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"can be a picture.*has 'input' of ONNX type 1 and shape \(any, 3, 8, 8\)"):
        ImageModel.open(written(tmp_path, tiny_image_model()), "cpu", given=PictureInput(layout="nhwc"))
    with pytest.raises(SettingsError, match="square pictures of 16 pixels, as was asked; it reads"):
        ImageModel.open(written(tmp_path, tiny_image_model()), "cpu", given=PictureInput(size=16))
    model = onnx.load_from_string(tiny_image_model())
    model.graph.input.append(helper.make_tensor_value_info("words", TensorProto.FLOAT, ["batch", 3]))
    with pytest.raises(BundleError, match="must have one input, a picture; it has 2: input, words"):
        ImageModel.open(written(tmp_path, model.SerializeToString()), "cpu")


def test_a_graph_that_breaks_at_another_size_or_number_says_so(tmp_path: Path, pictures: np.ndarray) -> None:
    model = onnx.load_from_string(tiny_image_model())
    model.graph.node[3].op_type = "Reshape"  # to one picture, whatever comes
    model.graph.node[3].input.append("one")
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 4], np.int64), "one"))
    unit = ImageModel.open(written(tmp_path, model.SerializeToString()), "cpu").unit("pooled", 0)
    assert unit(pictures[:1]).shape == (1,)
    with pytest.raises(BundleError, match="must run on pictures of the size and number that its input takes"):
        unit(pictures)


def test_a_manifest_must_name_as_many_classes_as_there_are_numbers() -> None:
    manifest = open_bundle(shipped("classifier64")).manifest.model_dump()
    with pytest.raises(BundleCorruptError, match="must name the 25 numbers of the output; got 2"):
        parse_manifest(manifest | {"classes": ("a", "b")}, "other")


def test_a_file_that_asks_for_code_is_refused_before_it_is_looked_at(tmp_path: Path) -> None:
    model = onnx.load_from_string(tiny_image_model())
    model.graph.node[1].domain = "com.example"
    with pytest.raises(BundleUnsafeError, match=r"com\.example"):
        ImageModel.open(written(tmp_path, model.SerializeToString()), "cpu")


def test_a_bundle_of_another_kind_or_with_instructions_is_refused() -> None:
    with pytest.raises(BundleVersionError, match="must be an image model; it is of kind 'generator'"):
        ImageModel.open(shipped("pictures64"), "cpu")
    with pytest.raises(SettingsError, match="says itself how its input is made"):
        ImageModel.open(shipped("classifier64"), "cpu", given=GIVEN)
    with pytest.raises(BundleError, match="no such folder"):
        ImageModel.open("nowhere", "cpu")

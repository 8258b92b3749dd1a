"""A graph runs, and says in plain words on what."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest

from bci_app.contract.errors import BundleCorruptError, DeviceError
from bci_app.contract.manifest import TensorSpec
from bci_app.inference.session import CUDA, OnnxModel

without_cuda = pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="this installation has CUDA")


def test_output_is_that_of_the_formula(decoder_graph: onnx.ModelProto, weights: SimpleNamespace) -> None:
    window = np.random.default_rng(0).normal(size=(3, 2, 10)).astype(np.float32)
    latent = OnnxModel(decoder_graph.SerializeToString(), "cpu").run(window)
    np.testing.assert_allclose(latent, window.reshape(3, -1) @ weights.decoder, atol=1e-5)


def test_the_same_from_a_file(decoder_graph: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "decoder.onnx"
    path.write_bytes(decoder_graph.SerializeToString())
    model = OnnxModel(path, "cpu")
    assert model.name == "decoder.onnx"
    assert (model.input.shape, model.output.shape) == (("batch", 2, 10), ("batch", 4))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BundleCorruptError, match="cannot be read"):
        OnnxModel(tmp_path / "none.onnx")


def test_cpu_is_named_when_asked_for(decoder_graph: onnx.ModelProto) -> None:
    model = OnnxModel(decoder_graph.SerializeToString(), "cpu")
    assert (model.device, model.fell_back) == ("CPU (no GPU asked for)", None)


@without_cuda
def test_auto_without_gpu_is_no_fall_back_but_gpu_is(decoder_graph: onnx.ModelProto) -> None:
    content = decoder_graph.SerializeToString()
    assert OnnxModel(content, "auto").fell_back is None
    asked = OnnxModel(content, "gpu")
    assert asked.fell_back is not None
    assert asked.device == f"CPU: GPU not used, because {asked.fell_back}"


@without_cuda
@pytest.mark.parametrize("device", ["auto", "gpu", "cpu"])
def test_a_required_gpu_that_is_not_used_is_an_error(decoder_graph: onnx.ModelProto, device: str) -> None:
    with pytest.raises(DeviceError, match="must run on the GPU; it does not, because"):
        OnnxModel(decoder_graph.SerializeToString(), device, require_gpu=True)  # type: ignore[arg-type]


def test_an_unknown_device_is_refused(decoder_graph: onnx.ModelProto) -> None:
    with pytest.raises(DeviceError, match="auto, cpu or gpu; got 'tpu'"):
        OnnxModel(decoder_graph.SerializeToString(), "tpu")  # type: ignore[arg-type]


def test_two_outputs_are_refused(decoder_graph: onnx.ModelProto) -> None:
    decoder_graph.graph.output.append(
        onnx.helper.make_tensor_value_info("samples", onnx.TensorProto.FLOAT, ["batch", 20])
    )
    with pytest.raises(BundleCorruptError, match="must have one output"):
        OnnxModel(decoder_graph.SerializeToString(), "cpu")


@pytest.mark.parametrize(
    "change", [{"name": "signal"}, {"dtype": "uint8"}, {"shape": ("batch", 2, 11)}, {"shape": (1, 2, 10)}]
)
def test_other_inputs_than_the_manifest_says_are_refused(decoder_graph: onnx.ModelProto, change: dict) -> None:
    model = OnnxModel(decoder_graph.SerializeToString(), "cpu")
    model.expect(model.input, model.output)
    with pytest.raises(BundleCorruptError, match="must have the input"):
        model.expect(TensorSpec.model_validate(model.input.model_dump() | change), model.output)

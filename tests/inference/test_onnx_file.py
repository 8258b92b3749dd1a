"""A model file is looked at before any runtime sees it."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from bci_app.contract.errors import BundleCorruptError, BundleUnsafeError
from bci_app.inference import onnx_file
from bci_app.inference.onnx_file import check_onnx


def test_a_plain_graph_passes(decoder_graph: onnx.ModelProto) -> None:
    check_onnx(decoder_graph.SerializeToString(), "decoder.onnx")


@pytest.mark.parametrize("location", ["weights.bin", "../secret", "/etc/passwd"])
def test_weights_in_another_file_are_refused_wherever_it_lies(decoder_graph: onnx.ModelProto, location: str) -> None:
    tensor = decoder_graph.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    with pytest.raises(BundleUnsafeError, match=r"decoder\.onnx must hold all its weights"):
        check_onnx(decoder_graph.SerializeToString(), "decoder.onnx")


def test_a_constant_in_another_file_is_refused_too(decoder_graph: onnx.ModelProto) -> None:
    outside = TensorProto(name="hidden", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="hidden.bin")
    decoder_graph.graph.node.append(helper.make_node("Constant", [], ["hidden"], value=outside))
    with pytest.raises(BundleUnsafeError, match="hidden"):
        check_onnx(decoder_graph.SerializeToString(), "decoder.onnx")


def test_control_flow_is_refused(decoder_graph: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])])
    node = helper.make_node("If", ["latent"], ["y"], then_branch=branch, else_branch=branch)
    decoder_graph.graph.node.append(node)
    with pytest.raises(BundleUnsafeError, match="control flow; it has the operator If"):
        check_onnx(decoder_graph.SerializeToString(), "decoder.onnx")


def test_operators_of_others_are_refused(decoder_graph: onnx.ModelProto) -> None:
    decoder_graph.graph.node[0].domain = "com.example"
    with pytest.raises(BundleUnsafeError, match=r"com\.example"):
        check_onnx(decoder_graph.SerializeToString(), "decoder.onnx")


def test_functions_are_refused(decoder_graph: onnx.ModelProto) -> None:
    opset = helper.make_opsetid("", 20)
    decoder_graph.functions.append(helper.make_function("", "Mine", ["x"], ["y"], [], [opset]))
    with pytest.raises(BundleUnsafeError, match="functions of its own"):
        check_onnx(decoder_graph.SerializeToString(), "decoder.onnx")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_cut_file_is_refused(decoder_graph: onnx.ModelProto, share: float) -> None:
    content = decoder_graph.SerializeToString()
    with pytest.raises(BundleCorruptError):
        check_onnx(content[: int(share * len(content))], "decoder.onnx")


def test_another_kind_of_file_is_refused() -> None:
    with pytest.raises(BundleCorruptError, match=r"decoder\.onnx must be an ONNX"):
        check_onnx(Path(__file__).read_bytes(), "decoder.onnx")


def test_a_graph_that_uses_what_nothing_makes_is_refused(decoder_graph: onnx.ModelProto) -> None:
    decoder_graph.graph.node[1].input[0] = "nowhere"
    with pytest.raises(BundleCorruptError, match="valid ONNX model"):
        check_onnx(decoder_graph.SerializeToString(), "decoder.onnx")


def test_an_unknown_operator_set_is_refused(decoder_graph: onnx.ModelProto) -> None:
    decoder_graph.opset_import[0].version = 999
    with pytest.raises(BundleCorruptError, match="set 999"):
        check_onnx(decoder_graph.SerializeToString(), "decoder.onnx")


def test_a_huge_file_is_refused_unread(decoder_graph: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "LARGEST_FILE", 2**10 - 1)
    with pytest.raises(BundleUnsafeError, match="must be at most"):
        check_onnx(decoder_graph.SerializeToString() + bytes(2**10), "decoder.onnx")

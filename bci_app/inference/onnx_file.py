"""What an ONNX file may hold: plain arithmetic in one file. Looked at before any runtime sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bci_app.contract.errors import BundleCorruptError, BundleUnsafeError

if TYPE_CHECKING:
    import onnx

LARGEST_FILE = 2**30
"""Bytes. A model of pictures is far smaller; the decoder step of BART has 350 million, that of its large brother 920."""
DOMAINS = frozenset({"", "ai.onnx"})
"""Operator sets that are part of ONNX itself. Everything else could be somebody's compiled code."""
CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})
OLDEST_OPSET, NEWEST_OPSET = 13, 23

_ADVICE = "Do not use this bundle, or export it again with this project."


def check_onnx(content: bytes, what: str) -> None:
    """Refuse what `open_graph` refuses."""
    open_graph(content, what)


def open_graph(content: bytes, what: str, oldest: int = OLDEST_OPSET) -> onnx.ModelProto:
    """The graph in a model file; refuses one that is broken, reaches outside itself or could run forever.

    Parameters
    ----------
    content : bytes
        The whole file; nothing else is read.
    what : str
        How the file is called in the message.
    oldest : int
        Operator set that it must have at least; an older one than `OLDEST_OPSET` is raised to that.

    Raises
    ------
    BundleUnsafeError
        If it is larger than `LARGEST_FILE`, keeps weights in another file, or uses control flow, functions or
        operators outside `DOMAINS`.
    BundleCorruptError
        If it is not a valid ONNX model of a known operator version.
    """
    if len(content) > LARGEST_FILE:
        raise BundleUnsafeError(
            f"{what} must be at most {LARGEST_FILE // 2**20} MB; it has {len(content) / 2**20:.0f} MB. {_ADVICE}"
        )
    model = _parse(content, what, oldest)
    _refuse_external(model, what)
    _refuse_code(model, what)
    import onnx

    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BundleCorruptError(f"{what} must be a valid ONNX model; it is not: {reason}. Export it again.") from None
    return _raised(model, what)


def _raised(model: onnx.ModelProto, what: str) -> onnx.ModelProto:
    """The same graph in the oldest operator set that is run, if its own is older."""
    if _opset(model) >= OLDEST_OPSET:
        return model
    from onnx import version_converter

    try:
        raised = version_converter.convert_version(model, OLDEST_OPSET)
    except Exception as error:  # of its own, without a public base
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BundleCorruptError(
            f"{what} must be a graph that can be raised from operator set {_opset(model)} to {OLDEST_OPSET}; it cannot: "
            f"{reason}. Export it again with a newer program."
        ) from None
    raised.ir_version = max(raised.ir_version, _WEIGHTS_APART)
    return raised


_WEIGHTS_APART = 4
"""Version of the file format from which on weights need not be listed among the inputs."""


def _opset(model: onnx.ModelProto) -> int:
    versions = {entry.domain: entry.version for entry in model.opset_import}
    return max((versions[domain] for domain in DOMAINS if domain in versions), default=0)


def _parse(content: bytes, what: str, oldest: int) -> onnx.ModelProto:
    import onnx

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception:  # the exception belongs to protobuf, which has no typed door
        raise BundleCorruptError(f"{what} must be an ONNX file; it cannot be parsed. Copy the bundle again.") from None
    newest = _opset(model)
    if not model.graph.node or not oldest <= newest <= NEWEST_OPSET:
        raise BundleCorruptError(
            f"{what} must be an ONNX graph of operator set {oldest} to {NEWEST_OPSET}; it has "
            f"{len(model.graph.node)} nodes of set {newest}. Export it again with this project."
        )
    return model


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of the main graph: weights, sparse weights and constants."""
    yield from model.graph.initializer
    for sparse in model.graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in model.graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)


def _refuse_external(model: onnx.ModelProto, what: str) -> None:
    for tensor in _tensors(model):
        if tensor.data_location != tensor.DEFAULT or tensor.external_data:
            raise BundleUnsafeError(
                f"{what} must hold all its weights; '{tensor.name}' lies in another file. {_ADVICE}"
            )


def _refuse_code(model: onnx.ModelProto, what: str) -> None:
    if model.functions or model.training_info:
        raise BundleUnsafeError(f"{what} must be one plain graph; it brings functions of its own. {_ADVICE}")
    domains = {entry.domain for entry in model.opset_import} | {node.domain for node in model.graph.node}
    if not domains <= DOMAINS:
        names = ", ".join(sorted(domains - DOMAINS))
        raise BundleUnsafeError(f"{what} must use ONNX operators only; it asks for those of {names}. {_ADVICE}")
    for node in model.graph.node:
        nested = any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)
        if nested or node.op_type in CONTROL_FLOW:
            raise BundleUnsafeError(f"{what} must not hold control flow; it has the operator {node.op_type}. {_ADVICE}")

"""The layers of an ONNX graph: what each is called, how large it is, and the part of the graph that makes it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

Shape = tuple[int, ...]


def picture_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """What has to be given to a graph; weights that an old file lists among its inputs are not."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def shape_of(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    """Lengths of a value's axes, None for one that is free."""
    return tuple(axis.dim_value or None for axis in value.type.tensor_type.shape.dim)


def with_input(model: onnx.ModelProto, shape: Shape, batch: int | None) -> onnx.ModelProto:
    """A copy whose one input has this shape behind its batch, of free length if `batch` is None."""
    import onnx

    (given,) = picture_inputs(model)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    free: str | int = "batch" if batch is None else batch
    kind = given.type.tensor_type.elem_type
    copy.graph.ClearField("input")
    copy.graph.input.append(onnx.helper.make_tensor_value_info(given.name, kind, [free, *shape]))
    copy.graph.ClearField("value_info")  # shapes of before, which may be those of another size
    return copy


def layers_of(model: onnx.ModelProto) -> dict[str, Shape]:
    """Shape without the batch of each output of each node that depends on the picture and is real numbers, in order.

    Parameters
    ----------
    model : onnx.ModelProto
        With an input of fixed size, batch included. Outputs whose size depends on the content are left out.
    """
    import onnx

    known = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    values = {value.name: value for value in (*known.value_info, *known.output)}
    seen = {value.name for value in picture_inputs(model)}
    batch = shape_of(picture_inputs(model)[0])[0]
    layers = {}
    for node in model.graph.node:
        if not seen.intersection(node.input):
            continue
        seen.update(node.output)
        for name in node.output:
            shape = _sized(values.get(name), batch)
            if shape is not None:
                layers[name] = shape
    return layers


def _sized(value: onnx.ValueInfoProto | None, batch: int | None) -> Shape | None:
    import onnx

    if value is None or value.type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        return None
    first, *others = shape_of(value) or (None,)
    lengths = [each for each in others if each is not None]
    if first != batch or not others or len(lengths) < len(others) or math.prod(lengths) == 0:
        return None
    return tuple(lengths)


def cut_at(model: onnx.ModelProto, layer: str, shape: Shape, batch: int | None) -> bytes:
    """The file of a graph that ends at `layer` and holds no more than what makes it."""
    import onnx

    needed, nodes = {layer}, []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(node.input)
    ending = onnx.ModelProto()
    ending.CopyFrom(model)
    ending.graph.ClearField("node")
    ending.graph.node.extend(reversed(nodes))
    weights = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    ending.graph.ClearField("initializer")
    ending.graph.initializer.extend(weights)
    ending.graph.ClearField("output")
    free: str | int = "batch" if batch is None else batch
    ending.graph.output.append(onnx.helper.make_tensor_value_info(layer, onnx.TensorProto.FLOAT, [free, *shape]))
    return bytes(ending.SerializeToString())

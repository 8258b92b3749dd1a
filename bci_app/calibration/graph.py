"""A linear reader as an ONNX graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OPSET = 20


def linear_graph(weights: NDArray[np.float32], intercept: NDArray[np.float32]) -> bytes:
    """The graph window (batch, n_channels, n_times) -> latent (batch, latent_dim), one product.

    Parameters
    ----------
    weights : float32 array (n_channels, n_times, latent_dim)
    intercept : float32 array (latent_dim,)
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    n_channels, n_times, dim = weights.shape
    constants = {"weights": weights.reshape(-1, dim), "intercept": intercept}
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["window"], ["features"], axis=1),
            helper.make_node("Gemm", ["features", "weights", "intercept"], ["latent"]),
        ],
        "linear_reader",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, ["batch", n_channels, n_times])],
        [helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["batch", dim])],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    checker.check_model(model)
    return bytes(model.SerializeToString())

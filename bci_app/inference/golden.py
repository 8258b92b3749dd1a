"""Golden vectors: what the exporter got, the program must get, on every device."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.bundle import Bundle
from bci_app.contract.errors import BundleCorruptError
from bci_app.contract.manifest import Golden
from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor
from bci_app.contract.signal import Chunk
from bci_app.inference.session import Device, OnnxGraph

GREY_LEVELS = 2
"""How far a picture's bytes may be off the golden ones, of 255; rounding alone makes one."""


def verify_golden(bundle: Bundle, models: Mapping[str, OnnxGraph] | None = None, device: Device = "auto") -> None:
    """Run each graph of a bundle on its golden inputs and compare.

    The golden file holds ``<graph>.<input>`` and ``<graph>.<output>``, such as ``decoder.window`` and
    ``decoder.latent``, for each graph file ``<graph>.onnx`` of the bundle.

    Parameters
    ----------
    bundle : Bundle
        Opened bundle.
    models : mapping of str to OnnxGraph, optional
        The graphs by name if they are open already; else they are opened on `device`.

    Raises
    ------
    BundleCorruptError
        If a graph has no golden vectors, or gives something else.
    """
    golden = bundle.golden()
    graphs = [name.removesuffix(".onnx") for name in bundle.manifest.files if name.endswith(".onnx")]
    for graph in graphs:
        what = f"{graph}.onnx of bundle '{bundle.folder.name}'"
        model = (
            models[graph] if models and graph in models else OnnxGraph(bundle.read(f"{graph}.onnx"), device, name=what)
        )
        missing = [f"{graph}.{name}" for name in (*model.inputs, *model.outputs) if f"{graph}.{name}" not in golden]
        if missing:
            raise BundleCorruptError(
                f"The golden vectors of bundle '{bundle.folder.name}' must hold {', '.join(missing)}; they hold "
                f"{', '.join(golden)}. Export the bundle again."
            )
        given = {name: golden[f"{graph}.{name}"] for name in model.inputs}
        kept = {name: golden[f"{graph}.{name}"] for name in model.outputs}
        _compare(model, given, kept, bundle.manifest.golden, what)


def verify_preprocessing(bundle: Bundle, spec: PreprocessingSpec, window: str = "decoder.window") -> None:
    """Run the preprocessor on the golden ``raw`` microvolts (n_channels, n_raw) and compare its end with a golden window.

    Parameters
    ----------
    window : str
        Golden input that begins with it: windows (n, n_channels, n_times), the first of which it is, or sentences
        (1, n_words, n_channels, n_times), whose last word's window it is.

    Raises
    ------
    BundleCorruptError
        If there is no such vector, or the filters of this machine give something else.
    """
    golden = bundle.golden()
    if "raw" not in golden or window not in golden:
        raise BundleCorruptError(
            f"The golden vectors of bundle '{bundle.folder.name}' must hold raw and {window}; they hold "
            f"{', '.join(golden)}. Export the bundle again."
        )
    raw, kept = golden["raw"], golden[window][0]
    kept = kept[-1] if kept.ndim == 3 else kept
    times = np.arange(raw.shape[1]) / spec.sfreq
    got = Preprocessor(spec).process(Chunk(raw, times, 0)).data[:, -kept.shape[1] :]
    atol, rtol = bundle.manifest.golden.atol, bundle.manifest.golden.rtol
    if got.shape != kept.shape or not np.allclose(got, kept, rtol, atol):
        raise BundleCorruptError(
            f"Preprocessing as bundle '{bundle.folder.name}' describes it must turn its golden raw signal into its golden "
            "window; it does not. Export the bundle again."
        )


def _compare(
    model: OnnxGraph,
    given: Mapping[str, NDArray[np.generic]],
    kept: Mapping[str, NDArray[np.generic]],
    golden: Golden,
    what: str,
) -> None:
    for name, array in given.items():
        tensor = model.inputs[name]
        if array.dtype != tensor.dtype or array.ndim != len(tensor.shape):
            raise BundleCorruptError(
                f"The golden input of {what} must be {tensor.dtype} {tensor.shape}; "
                f"it is {array.dtype} {array.shape}. Export the bundle again."
            )
    for name, got in model.run_all(given).items():
        _compare_output(got, kept[name], golden, what, model.device)


def _compare_output(
    got: NDArray[np.generic], kept: NDArray[np.generic], golden: Golden, what: str, device: str
) -> None:
    atol, rtol = golden.atol, golden.rtol
    if np.issubdtype(kept.dtype, np.integer):  # bytes of a picture, or codes, of which another one is another
        atol, rtol = float(GREY_LEVELS) if kept.dtype == np.uint8 else 0.0, 0.0
    same_kind = got.shape == kept.shape and got.dtype == kept.dtype
    off = np.abs(got.astype(np.float64) - kept.astype(np.float64)) if same_kind else np.array([np.inf])
    if not same_kind or not (off <= atol + rtol * np.abs(kept.astype(np.float64))).all():
        raise BundleCorruptError(
            f"{what} must give its golden output within {atol:g} + {rtol:g} of the value; on {device} it is off "
            f"by up to {float(off.max()):.3g}. Export the bundle again, or choose the device cpu."
        )

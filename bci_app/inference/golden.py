"""Golden vectors: what the exporter got, the program must get, on every device."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.bundle import Bundle
from bci_app.contract.errors import BundleCorruptError
from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor
from bci_app.contract.signal import Chunk
from bci_app.inference.session import Device, OnnxModel

GREY_LEVELS = 2
"""How far a picture's bytes may be off the golden ones, of 255; rounding alone makes one."""


def verify_golden(bundle: Bundle, models: Mapping[str, OnnxModel] | None = None, device: Device = "auto") -> None:
    """Run each graph of a bundle on its golden input and compare.

    The golden file holds ``<graph>.<input>`` and ``<graph>.<output>``, such as ``decoder.window`` and
    ``decoder.latent``, for each graph file ``<graph>.onnx`` of the bundle.

    Parameters
    ----------
    bundle : Bundle
        Opened bundle.
    models : mapping of str to OnnxModel, optional
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
            models[graph] if models and graph in models else OnnxModel(bundle.read(f"{graph}.onnx"), device, name=what)
        )
        wanted = [f"{graph}.{model.input.name}", f"{graph}.{model.output.name}"]
        missing = [name for name in wanted if name not in golden]
        if missing:
            raise BundleCorruptError(
                f"The golden vectors of bundle '{bundle.folder.name}' must hold {', '.join(missing)}; they hold "
                f"{', '.join(golden)}. Export the bundle again."
            )
        given, kept = (golden[name] for name in wanted)
        _compare(model, given, kept, bundle.manifest.golden.atol, bundle.manifest.golden.rtol, what)


def verify_preprocessing(bundle: Bundle, spec: PreprocessingSpec) -> None:
    """Run the preprocessor on the golden ``raw`` microvolts (n_channels, n_raw) and compare its end with the first window.

    Raises
    ------
    BundleCorruptError
        If there is no such vector, or the filters of this machine give something else.
    """
    golden, window = bundle.golden(), "decoder.window"
    if "raw" not in golden or window not in golden:
        raise BundleCorruptError(
            f"The golden vectors of bundle '{bundle.folder.name}' must hold raw and {window}; they hold "
            f"{', '.join(golden)}. Export the bundle again."
        )
    raw, kept = golden["raw"], golden[window][0]
    times = np.arange(raw.shape[1]) / spec.sfreq
    got = Preprocessor(spec).process(Chunk(raw, times, 0)).data[:, -kept.shape[1] :]
    atol, rtol = bundle.manifest.golden.atol, bundle.manifest.golden.rtol
    if got.shape != kept.shape or not np.allclose(got, kept, rtol, atol):
        raise BundleCorruptError(
            f"Preprocessing as bundle '{bundle.folder.name}' describes it must turn its golden raw signal into its golden "
            "window; it does not. Export the bundle again."
        )


def _compare(
    model: OnnxModel, given: NDArray[np.generic], kept: NDArray[np.generic], atol: float, rtol: float, what: str
) -> None:
    if given.dtype != model.input.dtype or given.ndim != len(model.input.shape):
        raise BundleCorruptError(
            f"The golden input of {what} must be {model.input.dtype} {model.input.shape}; "
            f"it is {given.dtype} {given.shape}. Export the bundle again."
        )
    got = model.run(given)
    if kept.dtype == np.uint8:
        atol, rtol = float(GREY_LEVELS), 0.0
    same_kind = got.shape == kept.shape and got.dtype == kept.dtype
    off = np.abs(got.astype(np.float64) - kept.astype(np.float64)) if same_kind else np.array([np.inf])
    if not same_kind or not (off <= atol + rtol * np.abs(kept.astype(np.float64))).all():
        raise BundleCorruptError(
            f"{what} must give its golden output within {atol:g} + {rtol:g} of the value; on {model.device} it is off "
            f"by up to {float(off.max()):.3g}. Export the bundle again, or choose the device cpu."
        )

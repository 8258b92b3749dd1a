"""One ONNX graph, ready to run: providers, threads, warm-up, and in plain words what it really runs on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import BundleCorruptError, DeviceError
from bci_app.contract.manifest import TensorSpec
from bci_app.inference.onnx_file import check_onnx

Device = Literal["auto", "cpu", "gpu"]
CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
_CUDA_OPTIONS = {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
"""The exhaustive search makes the first run very slow; TF32 would change pictures against the golden ones."""
_DTYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int64)": "int64"}
_ONLY_FATAL = 4


class OnnxGraph:
    """A graph with any number of inputs and outputs, each known by its name.

    Safe to call from several threads at once: onnxruntime runs without shared state and without the GIL.

    Parameters
    ----------
    source : bytes or path
        The ONNX file; checked by `check_onnx` before the runtime sees it.
    device : {"auto", "cpu", "gpu"}
        "auto" takes the GPU if this installation has one.
    require_gpu : bool
        Fail instead of falling back to the CPU.
    name : str
        How the graph is called in messages; by default the file's name.

    Attributes
    ----------
    device : str
        What it runs on, in plain words.
    fell_back : str or None
        Why a GPU that was asked for is not used.
    inputs, outputs : dict of str to TensorSpec
        In the order of the graph.

    Raises
    ------
    BundleUnsafeError, BundleCorruptError
        If the file is refused.
    DeviceError
        If onnxruntime is missing, or the GPU is required and not used.
    """

    def __init__(
        self, source: bytes | Path | str, device: Device = "auto", require_gpu: bool = False, name: str | None = None
    ) -> None:
        content = source if isinstance(source, bytes) else read_model(Path(source))
        self.name = name or ("the model" if isinstance(source, bytes) else Path(source).name)
        check_onnx(content, self.name)
        runtime = _runtime()
        providers, self.fell_back = _choose(device, require_gpu, runtime.get_available_providers())
        self._session = _open(runtime, content, providers, self.name)
        used = self._session.get_providers()[0]
        if CUDA in providers[0] and used != CUDA:
            self.fell_back = "the CUDA or cuDNN libraries, or the driver, could not be loaded"
        if require_gpu and used != CUDA:
            raise DeviceError(f"{self.name} must run on the GPU; it does not, because {self.fell_back}. {_GPU_ADVICE}")
        self.device = _words(used == CUDA, device, self.fell_back)
        self.inputs = self._described(self._session.get_inputs())
        self.outputs = self._described(self._session.get_outputs())
        self._names = list(self.outputs)

    def _described(self, tensors: Sequence[Any]) -> dict[str, TensorSpec]:
        specs = {}
        for tensor in tensors:
            if tensor.type not in _DTYPES:
                raise BundleCorruptError(
                    f"{self.name} must have inputs and outputs of {', '.join(_DTYPES.values())}; '{tensor.name}' is "
                    f"{tensor.type}. Export it again."
                )
            shape = tuple(n if isinstance(n, int) else str(n) for n in tensor.shape)
            specs[tensor.name] = TensorSpec.model_validate(
                {"name": tensor.name, "axes": [f"axis{i}" for i in range(len(shape))],
                 "dtype": _DTYPES[tensor.type], "shape": shape}
            )  # fmt: skip
        return specs

    def expect_all(self, inputs: Iterable[TensorSpec], outputs: Iterable[TensorSpec]) -> None:
        """Raise BundleCorruptError unless these are all inputs and outputs, with their names, types and fixed lengths."""
        for word, wanted, got in (("input", inputs, self.inputs), ("output", outputs, self.outputs)):
            named = {tensor.name: tensor for tensor in wanted}
            if set(named) != set(got):
                raise BundleCorruptError(
                    f"{self.name} must have the {word}s {', '.join(named)}, as its manifest says; it has "
                    f"{', '.join(got) or 'none'}. Export the bundle again."
                )
            for name, tensor in named.items():
                self._expect(word, tensor, got[name])

    def _expect(self, word: str, wanted: TensorSpec, got: TensorSpec) -> None:
        if not (wanted.name == got.name and wanted.dtype == got.dtype and _fits(wanted.shape, got.shape)):
            raise BundleCorruptError(
                f"{self.name} must have the {word} '{wanted.name}' {wanted.dtype} {wanted.shape}, as its manifest "
                f"says; it has '{got.name}' {got.dtype} {got.shape}. Export the bundle again."
            )

    def run_all(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """All outputs by name, for inputs that have the right shapes and types; the caller has checked them."""
        return dict(zip(self._names, self._session.run(self._names, arrays), strict=True))


class OnnxModel(OnnxGraph):
    """A graph with one input and one output; see `OnnxGraph` for parameters and errors.

    Parameters
    ----------
    warm_up_runs : int
        Runs on zeros before the model counts as ready; the first runs are many times slower.

    Attributes
    ----------
    input, output : TensorSpec
    """

    def __init__(
        self,
        source: bytes | Path | str,
        device: Device = "auto",
        require_gpu: bool = False,
        name: str | None = None,
        warm_up_runs: int = 3,
    ) -> None:
        super().__init__(source, device, require_gpu, name)
        self.input, self.output = self._only("input", self.inputs), self._only("output", self.outputs)
        for _ in range(warm_up_runs):
            self.run(np.zeros([1 if isinstance(n, str) else n for n in self.input.shape], self.input.dtype))

    def _only(self, word: str, tensors: Mapping[str, TensorSpec]) -> TensorSpec:
        if len(tensors) != 1:
            found = ", ".join(f"{tensor.name} {tensor.dtype}" for tensor in tensors.values())
            raise BundleCorruptError(f"{self.name} must have one {word}; it has {found or 'none'}. Export it again.")
        return next(iter(tensors.values()))

    def expect(self, wanted_input: TensorSpec, wanted_output: TensorSpec) -> None:
        """Raise BundleCorruptError unless input and output have these names, types and fixed lengths."""
        self._expect("input", wanted_input, self.input)
        self._expect("output", wanted_output, self.output)

    def run(self, array: NDArray[Any]) -> NDArray[Any]:
        """Output for an input that has the right shape and type; the caller has checked both."""
        result: NDArray[Any] = self._session.run(self._names, {self.input.name: array})[0]
        return result


_GPU_ADVICE = "Install bci-app[gpu] and the NVIDIA driver, or allow the CPU."


def _runtime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise DeviceError(
            f"Models run on onnxruntime, which cannot be imported: {error}. Run: pip install 'bci-app[cpu]'"
        ) from error
    onnxruntime.set_default_logger_severity(_ONLY_FATAL)  # a missing GPU is told by us, once, in words
    return onnxruntime  # type: ignore[no-any-return]


def _choose(device: Device, require_gpu: bool, available: Sequence[str]) -> tuple[list[Any], str | None]:
    """Providers to ask for, and why the GPU is not among them although it was asked for."""
    if device not in ("auto", "cpu", "gpu"):
        raise DeviceError(f"The device is auto, cpu or gpu; got {device!r}. Choose one of them.")
    if device == "cpu":
        return [CPU], "the CPU was asked for" if require_gpu else None
    if CUDA in available:
        return [(CUDA, _CUDA_OPTIONS), CPU], None
    missing = "this installation of onnxruntime has no CUDA"
    return [CPU], missing if device == "gpu" or require_gpu else None


def _words(on_gpu: bool, device: Device, fell_back: str | None) -> str:
    if on_gpu:
        return "GPU (CUDA)"
    if fell_back:
        return f"CPU: GPU not used, because {fell_back}"
    return "CPU (no GPU asked for)" if device == "cpu" else "CPU (no GPU in this installation)"


def _open(runtime: ModuleType, content: bytes, providers: list[Any], name: str) -> Any:
    """Session for one picture at a time: one thread, which sleeps instead of spinning when idle."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ONLY_FATAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if len(providers) > 1 and hasattr(runtime, "preload_dlls"):
        runtime.preload_dlls()
    try:
        return runtime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # onnxruntime's own exceptions share no public base
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BundleCorruptError(f"{name} must be a model that onnxruntime can run; it cannot: {reason}.") from error


def _fits(wanted: Sequence[int | str], got: Sequence[int | str]) -> bool:
    return len(wanted) == len(got) and all(
        isinstance(w, str) == isinstance(g, str) and (isinstance(w, str) or w == g)
        for w, g in zip(wanted, got, strict=True)
    )


def runtime_facts() -> tuple[str, tuple[str, ...]]:
    """Version of onnxruntime, and the providers that this installation has; DeviceError if it is missing."""
    runtime = _runtime()
    return str(runtime.__version__), tuple(runtime.get_available_providers())


def read_model(path: Path) -> bytes:
    """The bytes of a model file; BundleCorruptError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleCorruptError(f"The model '{path}' cannot be read: {error.strerror}. Check the path.") from None

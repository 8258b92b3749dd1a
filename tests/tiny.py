"""Tiny real bundles, made on the spot: a linear generator with its encoder, decoders for it, and a reader of text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from bci_app.calibration.export import provenance_here, write_decoder_bundle
from bci_app.calibration.ridge import LinearReader
from bci_app.contract.bundle import Bundle, pack_arrays, sha256_of, write_bundle
from bci_app.contract.manifest import (
    DecoderKind,
    Generation,
    GeneratorManifest,
    Golden,
    LatentSpace,
    Score,
    TensorSpec,
    TextManifest,
    Tokens,
)
from bci_app.contract.noise import NoiseModel
from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor
from bci_app.contract.reading import Reads, SentenceSpec
from bci_app.contract.signal import Chunk
from bci_app.contract.units import Unit
from bci_app.contract.windowing import TrialSpec, WindowSpec, samples_per_window
from bci_app.inference.generator import tensor_specs
from bci_app.inference.session import OnnxGraph
from bci_app.inference.text_bundle import text_tensors

DIM, SIZE = 6, 16
PROVENANCE = provenance_here("made by a test", {}, ("none",), "not recorded")


def _model(nodes: list, given: tuple, made: tuple, constants: dict[str, np.ndarray]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(*given)],
        [helper.make_tensor_value_info(*made)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())


def tiny_generator(folder: Path, seed: int = 0) -> Bundle:
    """image = clip(128 + latent @ W), and its pseudo-inverse as encoder."""
    rng = np.random.default_rng(seed)
    weights = (12 * rng.normal(size=(DIM, SIZE * SIZE * 3))).astype(np.float32)
    back = np.linalg.pinv(weights).astype(np.float32)
    middle = np.array(128, np.float32)
    shape = np.array([0, SIZE, SIZE, 3], np.int64)
    make = helper.make_node
    graph = _model(
        [
            make("MatMul", ["latent", "weights"], ["flat"]),
            make("Add", ["flat", "middle"], ["raised"]),
            make("Clip", ["raised", "low", "high"], ["clipped"]),
            make("Cast", ["clipped"], ["bytes"], to=TensorProto.UINT8),
            make("Reshape", ["bytes", "shape"], ["image"]),
        ],
        ("latent", TensorProto.FLOAT, ["batch", DIM]),
        ("image", TensorProto.UINT8, ["batch", SIZE, SIZE, 3]),
        {"weights": weights, "middle": middle, "low": np.float32(0).reshape(()), "high": np.float32(255).reshape(()),
         "shape": shape},
    )  # fmt: skip
    encoder = _model(
        [
            make("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
            make("Sub", ["numbers", "middle"], ["centred"]),
            make("Flatten", ["centred"], ["flat"], axis=1),
            make("MatMul", ["flat", "back"], ["latent"]),
        ],
        ("image", TensorProto.UINT8, ["batch", SIZE, SIZE, 3]),
        ("latent", TensorProto.FLOAT, ["batch", DIM]),
        {"middle": middle, "back": back},
    )
    latents = rng.normal(size=(2, DIM)).astype(np.float32)
    images = np.clip(128 + latents @ weights, 0, 255).astype(np.uint8).reshape(2, SIZE, SIZE, 3)
    encoded = ((images.astype(np.float32) - 128).reshape(2, -1) @ back).astype(np.float32)
    latent, image = tensor_specs(DIM, SIZE)
    manifest = GeneratorManifest(
        name="tiny generator",
        inputs=(latent, image),
        outputs=(image, latent),
        golden=Golden(atol=1e-3, rtol=1e-3),
        provenance=PROVENANCE,
        latent_space=LatentSpace(id=f"tiny-{seed}", dim=DIM, generator_sha256=sha256_of(graph)),
        image_size=SIZE,
        latent_mean=(0.0,) * DIM,
    )
    golden = {
        "generator.latent": latents,
        "generator.image": images,
        "encoder.image": images,
        "encoder.latent": encoded,
    }
    return write_bundle(
        folder,
        manifest,
        {"generator.onnx": graph, "encoder.onnx": encoder, "golden.npz": pack_arrays(**golden), "card.md": b"# tiny\n"},
    )


def tiny_image_model(side: int = 8, n_channels: int = 4, batch: int | str = "batch", seed: int = 0) -> bytes:
    """input (batch, 3, side, side) -> conv, a product with a matrix at each place -> relu -> pooled, its mean -> scores."""
    rng = np.random.default_rng(seed)
    weights = {
        "kernel": rng.normal(size=(n_channels, 3, 1, 1)).astype(np.float32),
        "head": rng.normal(size=(n_channels, 2)).astype(np.float32),
    }
    make = helper.make_node
    nodes = [
        make("Conv", ["input", "kernel"], ["conv"]),
        make("Relu", ["conv"], ["relu"]),
        make("GlobalAveragePool", ["relu"], ["average"]),
        make("Flatten", ["average"], ["pooled"]),
        make("MatMul", ["pooled", "head"], ["scores"]),
    ]
    given = ("input", TensorProto.FLOAT, [batch, 3, side, side])
    return _model(nodes, given, ("scores", TensorProto.FLOAT, [batch, 2]), weights)


def tiny_decoder(
    folder: Path,
    generator: Bundle,
    channels: tuple[str, ...],
    sfreq: float,
    cut: TrialSpec | WindowSpec,
    decimation: int = 2,
    seed: int = 0,
    dim: int = DIM,
    kind: DecoderKind = "eeg-decoder",
) -> Bundle:
    """A random linear reader with real filters, for any channels, rate and cut; of voxels and counts as they come."""
    assert isinstance(generator.manifest, GeneratorManifest)
    if kind == "eeg-decoder":
        spec = PreprocessingSpec.design(channels, sfreq, (1.0, 0.3 * sfreq / decimation), decimation=decimation)
    else:
        unit: Unit = "au" if kind == "fmri-decoder" else "count"
        spec = PreprocessingSpec(channels=channels, sfreq=sfreq, unit=unit, reference="none")
    n_times = samples_per_window(cut, spec.output_sfreq)
    rng = np.random.default_rng(seed)
    scale = 1 / (10 * np.sqrt(len(channels) * n_times))
    reader = LinearReader(
        (scale * rng.normal(size=(len(channels), n_times, dim))).astype(np.float32),
        np.zeros(dim, np.float32),
        np.zeros(dim, np.float32),
    )
    noise = NoiseModel(
        np.zeros((len(channels), n_times), np.float32),
        10 * np.eye(len(channels), dtype=np.float32),
        np.eye(n_times, dtype=np.float32),
    )
    return write_decoder_bundle(
        folder,
        reader,
        noise,
        name="tiny decoder",
        preprocessing=spec,
        cut=cut,
        generator=generator.manifest,
        provenance=PROVENANCE,
        metrics=(),
        kind=kind,
    )


SPECIALS, WORDS = (
    ("<s>", "<pad>", "</s>", "<unk>"),
    ("the", "a", "old", "red", "dog", "man", "book", "house", "sees", "reads"),
)
"""Tokens of the tiny text bundle; the last ten are codes too."""
_STOP = 2


def tiny_text_bundle(
    folder: Path,
    reads: Reads = "word-windows",
    channels: tuple[str, ...] = ("Cz", "Pz"),
    sfreq: float = 128.0,
    decimation: int = 2,
    sentence: SentenceSpec | None = None,
    n_features: int = 8,
    generation: Generation | None = None,
    metrics: tuple[Score, ...] = (),
    trained_on: tuple[str, ...] = ("the old man reads a book",),
) -> Bundle:
    """A word per window, row, or quarter of a second of waves: that of its mean magnitude, see `tiny_text_signal`.

    No features have a preprocessing; of them `channels` and `sfreq` say nothing.
    """
    spec = None
    if sentence is None:
        sentence = SentenceSpec(word_cut=None if reads == "waves" else TrialSpec(start_s=0.0, stop_s=0.25))
    if reads != "word-features":
        spec = PreprocessingSpec.design(channels, sfreq, (1.0, 0.3 * sfreq / decimation), decimation=decimation)
    per_word = max(1, round(0.25 * spec.output_sfreq)) if spec else 1
    n_times = samples_per_window(sentence.word_cut, spec.output_sfreq) if spec and sentence.word_cut else per_word
    shape = {"word-features": (n_features,), "waves": (len(channels),), "word-windows": (len(channels), n_times)}[reads]
    n_rows = shape[0]
    inputs, outputs = text_tensors(reads, shape, (1, 1, len(SPECIALS + WORDS)), len(WORDS), len(SPECIALS + WORDS))
    encoder, step = _text_encoder(reads, inputs, outputs, per_word), _text_step(inputs, outputs)
    tokenizer = _text_tokenizer()
    noise = NoiseModel(
        np.zeros((n_rows, n_times), np.float32), 5 * np.eye(n_rows, dtype=np.float32), np.eye(n_times, dtype=np.float32)
    )
    manifest = TextManifest(
        name="tiny reader of text",
        inputs=inputs,
        outputs=outputs,
        golden=Golden(atol=1e-3, rtol=1e-3),
        provenance=PROVENANCE,
        metrics=metrics,
        reads=reads,
        preprocessing=spec,
        sentence=sentence,
        noise_n_times=n_times,
        tokens=Tokens(
            vocab_size=len(SPECIALS + WORDS),
            first=_STOP,
            forced=0,
            stop=_STOP,
            sample="the dog reads",
            sample_tokens=tuple(tokenizer.encode("the dog reads", add_special_tokens=False).ids),
        ),
        generation=generation or Generation(max_tokens=sentence.max_words + 2 if reads != "waves" else 242),
        n_codes=len(WORDS),
        trained_on=trained_on,
    )
    files = {"encoder.onnx": encoder, "step.onnx": step, "tokenizer.json": tokenizer.to_str().encode()}
    golden = _text_golden(manifest, files, noise)
    return write_bundle(
        folder, manifest, {**files, "noise.npz": noise.pack(), "golden.npz": golden, "card.md": b"# tiny\n"}
    )


def tiny_text_signal(manifest: TextManifest, words: Sequence[str]) -> np.ndarray:
    """The signal that a tiny text bundle reads as `words`: one magnitude all through each of them, in microvolts."""
    levels = np.array([WORDS.index(word) for word in words], np.float32) + np.float32(0.5)
    rest = tuple(n for n in manifest.inputs[0].shape[1:] if isinstance(n, int))
    if manifest.reads == "waves":
        return np.tile(np.repeat(levels, manifest.noise_n_times), (rest[0], 1))
    return np.ascontiguousarray(np.broadcast_to(levels.reshape(-1, *[1] * len(rest)), (len(words), *rest)))


def _text_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({token: number for number, token in enumerate(SPECIALS + WORDS)}, "<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.add_special_tokens(list(SPECIALS))
    return tokenizer


def _graph_of(nodes: list, given: Sequence[TensorSpec], made: Sequence[TensorSpec], constants: dict) -> bytes:
    kinds = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}
    sides = [
        [helper.make_tensor_value_info(tensor.name, kinds[tensor.dtype], list(tensor.shape)) for tensor in side]
        for side in (given, made)
    ]
    initializers = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "tiny", *sides, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())


def _text_encoder(reads: Reads, inputs: tuple, outputs: tuple, per_word: int) -> bytes:
    """code = floor(mean magnitude) mod 10; cross keys and values hold ten times the one-hot token of each code."""
    make, nodes = helper.make_node, [helper.make_node("Abs", ["signal"], ["magnitude"])]
    if reads == "waves":
        nodes += [
            make("AveragePool", ["magnitude"], ["pooled"], kernel_shape=[per_word], strides=[per_word]),
            make("ReduceMean", ["pooled", "over"], ["mean"], keepdims=0),
        ]
    else:
        nodes += [make("ReduceMean", ["magnitude", "over"], ["mean"], keepdims=0)]
    nodes += [
        make("Floor", ["mean"], ["whole"]),
        make("Cast", ["whole"], ["integer"], to=TensorProto.INT64),
        make("Mod", ["integer", "n_codes"], ["codes"]),
        make("Gather", ["words", "codes"], ["rows"]),
        make("Unsqueeze", ["rows", "layer_and_head"], ["cross_keys"]),
        make("Identity", ["cross_keys"], ["cross_values"]),
        make("Gather", ["one_hot", "codes"], ["coded"]),
        make("ReduceMean", ["coded", "places"], ["embedding"], keepdims=0),
    ]
    n = len(WORDS)
    constants = {
        "over": np.array({"waves": [1], "word-features": [2], "word-windows": [2, 3]}[reads], np.int64),
        "n_codes": np.int64(n),
        "words": 10 * np.eye(n + len(SPECIALS), dtype=np.float32)[len(SPECIALS) :],
        "layer_and_head": np.array([0, 2], np.int64),
        "one_hot": np.eye(n, dtype=np.float32),
        "places": np.array([1], np.int64),
    }
    return _graph_of(nodes, inputs[:1], outputs[:4], constants)


def _text_step(inputs: tuple, outputs: tuple) -> bytes:
    """After n tokens the logits are those of state n - 1, or of the stop token behind the last; a token before matters little.

    Keys and values grow by the one-hot token.
    """
    make, n = helper.make_node, len(SPECIALS + WORDS)
    nodes = [
        make("Gather", ["one_hot", "token"], ["row"]),
        make("Unsqueeze", ["row", "layer_and_head"], ["new"]),
        make("Concat", ["past_keys", "new"], ["keys"], axis=3),
        make("Concat", ["past_values", "new"], ["values"], axis=3),
        make("Concat", ["cross_values", "stop"], ["states"], axis=3),
        make("Shape", ["past_keys"], ["n_past"], start=3, end=4),
        make("Shape", ["cross_keys"], ["n_states"], start=3, end=4),
        make("Sub", ["n_past", "unit"], ["before"]),
        make("Max", ["before", "zero"], ["reached"]),
        make("Min", ["reached", "n_states"], ["place"]),
        make("Gather", ["states", "place"], ["here"], axis=3),
        make("Reshape", ["here", "flat"], ["told"]),
        make("Gather", ["pairs", "token"], ["follows"]),
        make("Squeeze", ["follows", "unit"], ["usual"]),
        make("Add", ["told", "usual"], ["logits"]),
    ]
    constants = {
        "one_hot": np.eye(n, dtype=np.float32),
        "layer_and_head": np.array([0, 2], np.int64),
        "stop": 10 * np.eye(n, dtype=np.float32)[_STOP].reshape(1, 1, 1, 1, n),
        "unit": np.array([1], np.int64),
        "zero": np.array([0], np.int64),
        "flat": np.array([1, n], np.int64),
        "pairs": np.random.default_rng(0).uniform(-1, 1, (n, n)).astype(np.float32),
    }
    return _graph_of(nodes, inputs[1:], outputs[4:], constants)


def _text_golden(manifest: TextManifest, files: dict[str, bytes], noise: NoiseModel) -> bytes:
    """A sentence with the end of preprocessed noise in it, what both graphs give, and what they must spell."""
    golden, signal = {}, tiny_text_signal(manifest, WORDS[:3])
    if manifest.preprocessing is not None:
        spec, n_raw = manifest.preprocessing, 4 * noise.mean.shape[1] * manifest.preprocessing.decimation
        raw = 10 * np.random.default_rng(0).standard_normal((len(spec.channels), n_raw), dtype=np.float32)
        kept = Preprocessor(spec).process(Chunk(raw, np.arange(n_raw) / spec.sfreq, 0)).data
        golden["raw"] = raw
        signal = (
            kept if manifest.reads == "waves" else np.concatenate([signal, kept[np.newaxis, :, -noise.mean.shape[1] :]])
        )
    encoded = OnnxGraph(files["encoder.onnx"], "cpu").run_all({"signal": signal[np.newaxis]})
    golden |= {"encoder.signal": signal[np.newaxis], **{f"encoder.{name}": array for name, array in encoded.items()}}
    past = np.random.default_rng(1).normal(size=(1, 2, 1, 2, len(SPECIALS + WORDS))).astype(np.float32)
    given = {"token": np.array([[5], [6]]), "past_keys": past, "past_values": -past}
    given |= {name: encoded[name] for name in ("cross_keys", "cross_values")}
    made = OnnxGraph(files["step.onnx"], "cpu").run_all(given)
    golden |= {f"step.{name}": array for name, array in (given | made).items()}
    spelt = [0, *(int(code) + len(SPECIALS) for code in encoded["codes"][0]), _STOP]
    return pack_arrays(**golden, tokens=np.array(spelt))

"""What a text bundle must hold to be opened: graphs for the signal that it cuts, and the tokenizer they were trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.bundle import Bundle
from bci_app.contract.errors import BundleCorruptError
from bci_app.contract.manifest import TensorSpec, TextManifest
from bci_app.contract.noise import NoiseModel
from bci_app.contract.reading import Reads
from bci_app.contract.windowing import samples_per_window

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Floats = NDArray[np.float32]

GRAPHS = {
    "encoder": (("signal",), ("cross_keys", "cross_values", "codes", "embedding")),
    "step": (
        ("token", "past_keys", "past_values", "cross_keys", "cross_values"),
        ("logits", "keys", "values"),
    ),
}
"""Names of what goes into each graph and comes out."""
_AXES: dict[Reads, tuple[str, ...]] = {
    "word-features": ("one", "n_words", "n_features"),
    "word-windows": ("one", "n_words", "n_channels", "n_times"),
    "waves": ("one", "n_channels", "n_times"),
}


def text_tensors(
    reads: Reads, signal: tuple[int, ...], cache: tuple[int, int, int], dim: int, vocab_size: int
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Inputs and outputs of both graphs, as the manifest of a text bundle lists them.

    Parameters
    ----------
    reads : {"word-features", "word-windows", "waves"}
    signal : tuple of int
        (n_features,), (n_channels, n_times) or, of waves, (n_channels,).
    cache : (n_layers, n_heads, head_dim)
        Of the decoder.
    dim : int
        Of the embedding.
    vocab_size : int
    """
    n_layers, n_heads, head_dim = cache
    shape = (1, *signal, "n_times") if reads == "waves" else (1, "n_words", *signal)
    axes = ("layer", "batch", "head", "place", "component")

    def kept(name: str, batch: int | str, places: str) -> TensorSpec:
        return TensorSpec(name=name, axes=axes, dtype="float32", shape=(n_layers, batch, n_heads, places, head_dim))

    cross = (kept("cross_keys", 1, "n_states"), kept("cross_values", 1, "n_states"))
    inputs = (
        TensorSpec(name="signal", axes=_AXES[reads], dtype="float32", shape=shape),
        TensorSpec(name="token", axes=("batch", "one"), dtype="int64", shape=("batch", 1)),
        kept("past_keys", "batch", "n_past"),
        kept("past_values", "batch", "n_past"),
        *cross,
    )
    outputs = (
        *cross,
        TensorSpec(name="codes", axes=("one", "place"), dtype="int64", shape=(1, "n_states")),
        TensorSpec(name="embedding", axes=("one", "component"), dtype="float32", shape=(1, dim)),
        TensorSpec(name="logits", axes=("batch", "token"), dtype="float32", shape=("batch", vocab_size)),
        kept("keys", "batch", "n_kept"),
        kept("values", "batch", "n_kept"),
    )
    return inputs, outputs


def noise_signal(noise: NoiseModel, reads: Reads, rng: np.random.Generator, n_steps: int) -> Floats:
    """A sentence of noise (n_words, n_channels, n_times), (n_channels, n_times) or (n_words, n_features) of `n_steps`.

    Noise of waves is joined from stretches of the length that the model of the noise has.
    """
    if reads != "waves":
        drawn = noise.draw(rng, n_steps)
        return drawn if reads == "word-windows" else drawn[:, :, 0]
    stretches = noise.draw(rng, -(-n_steps // noise.mean.shape[1]))
    return np.ascontiguousarray(np.concatenate(list(stretches), axis=1)[:, :n_steps])


def input_of(manifest: TextManifest, name: str) -> TensorSpec:
    return next(tensor for tensor in manifest.inputs if tensor.name == name)


def graph_tensors(
    bundle: Bundle, manifest: TextManifest
) -> dict[str, tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]]:
    """Inputs and outputs by graph; BundleCorruptError unless they are those of a text bundle, for the signal it cuts."""
    given, made = ({tensor.name: tensor for tensor in side} for side in (manifest.inputs, manifest.outputs))
    wanted = text_tensors("waves", (1,), (1, 1, 1), 1, 1)
    if [set(given), set(made)] != [{tensor.name for tensor in side} for side in wanted]:
        raise BundleCorruptError(
            f"The manifest of bundle '{bundle.folder.name}' must list the inputs and outputs "
            f"{', '.join(tensor.name for side in wanted for tensor in side)}; it lists {', '.join((*given, *made))}. Export "
            "the bundle again."
        )
    _check_signal(bundle, manifest, given["signal"])
    return {
        graph: (tuple(given[name] for name in inputs), tuple(made[name] for name in outputs))
        for graph, (inputs, outputs) in GRAPHS.items()
    }


def _check_signal(bundle: Bundle, manifest: TextManifest, signal: TensorSpec) -> None:
    """Raise BundleCorruptError unless what is preprocessed and cut is what the encoder reads, and its noise alike."""
    spec, cut = manifest.preprocessing, manifest.sentence.word_cut
    shape = list(signal.shape)
    n_times = samples_per_window(cut, spec.output_sfreq) if spec is not None and cut is not None else None
    if spec is None:
        sound = len(shape) == 3 and isinstance(shape[2], int) and manifest.noise_n_times == 1
    elif manifest.reads == "waves":
        sound = len(shape) == 3 and shape[1] == len(spec.channels)
    else:
        sound = len(shape) == 4 and shape[2:] == [len(spec.channels), n_times] and manifest.noise_n_times == n_times
    if not sound:
        raise BundleCorruptError(
            f"The encoder of bundle '{bundle.folder.name}' must read {manifest.reads} as its manifest preprocesses and cuts "
            f"them, and its noise must be alike; it reads {signal.shape} and its noise has {manifest.noise_n_times} samples. "
            "Export the bundle again."
        )


def open_tokenizer(bundle: Bundle, manifest: TextManifest) -> Tokenizer:
    """The bundle's tokenizer; BundleCorruptError, which says why, unless it is the one that the manifest describes."""
    from tokenizers import Tokenizer

    content, tokens = bundle.read("tokenizer.json"), manifest.tokens
    try:
        tokenizer = Tokenizer.from_str(content.decode())
        wrong = _mismatch(tokenizer, manifest)
    except Exception as error:  # the library raises bare exceptions
        wrong = f"it cannot be used: {error}"
    if wrong:
        raise BundleCorruptError(
            f"tokenizer.json of bundle '{bundle.folder.name}' must be the one its graphs were trained with, of "
            f"{tokens.vocab_size} tokens; {wrong}. Copy the bundle again, or export it again."
        )
    return tokenizer


def _mismatch(tokenizer: Tokenizer, manifest: TextManifest) -> str:
    """What about the tokenizer is not as the manifest says; empty if it is."""
    tokens, specials = manifest.tokens, [manifest.tokens.first, manifest.tokens.stop]
    specials += [] if tokens.forced is None else [tokens.forced]
    n_logits = next(tensor.shape[-1] for tensor in manifest.outputs if tensor.name == "logits")
    sample = tokenizer.encode(tokens.sample, add_special_tokens=False).ids
    if tokenizer.get_vocab_size() != tokens.vocab_size:
        return f"it has {tokenizer.get_vocab_size()} tokens"
    if n_logits != tokens.vocab_size:
        return f"a step gives {n_logits} numbers"
    if max(specials) >= tokens.vocab_size:
        return f"the special tokens {specials} are not all among them"
    if tokenizer.decode(specials, skip_special_tokens=True):
        return f"the tokens {specials} are no special ones in it"
    if tuple(sample) != tokens.sample_tokens:
        return f"it turns '{tokens.sample}' into {sample}, not into {list(tokens.sample_tokens)}"
    if tokenizer.decode(sample, skip_special_tokens=True).strip() != tokens.sample:
        return f"it turns these tokens back into '{tokenizer.decode(sample, skip_special_tokens=True)}'"
    return ""

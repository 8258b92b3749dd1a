"""Sentence of EEG -> text, always free-running: each token follows from the signal and the tokens made before it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.bundle import Bundle, open_bundle
from bci_app.contract.checks import check_finite, check_shape, listed
from bci_app.contract.errors import BundleCorruptError, BundleVersionError, SettingsError, SignalError
from bci_app.contract.manifest import Generation, TextManifest
from bci_app.contract.noise import unpack_noise
from bci_app.inference.golden import verify_golden, verify_preprocessing
from bci_app.inference.session import Device, OnnxGraph
from bci_app.inference.text_bundle import graph_tensors, input_of, noise_signal, open_tokenizer
from bci_app.inference.text_generation import Hypothesis, generate

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, eq=False)
class ReadText:
    """What was read of one sentence, and when.

    Attributes
    ----------
    text : str
    words : tuple of str
        The text cut at its spaces.
    tokens : tuple of int
        All that were generated, the forced and the stop token among them.
    codes : int64 array (n_states,)
        What the signal was quantised to.
    embedding : float32 array (dim,)
        What is compared with the embeddings of sentences.
    log_probability : float
        See `Hypothesis`.
    encoded_s : float
        Seconds from the call until the signal was encoded.
    word_s : tuple of float
        Seconds from the call until each word was complete: when the next began, the last one at the end. With beams when
        all hypotheses agreed on it.
    finished_s : float
        Seconds from the call until the text stood.
    """

    text: str
    words: tuple[str, ...]
    tokens: tuple[int, ...]
    codes: Integers
    embedding: Floats
    log_probability: float
    encoded_s: float
    word_s: tuple[float, ...]
    finished_s: float


class TextDecoder:
    """An opened text bundle. Make it with `TextDecoder.open`.

    Safe to use from several threads.

    Attributes
    ----------
    bundle : Bundle
    manifest : TextManifest
    device : str
        What it runs on, in plain words.
    fell_back : str or None
        Why a GPU that was asked for is not used.
    """

    def __init__(
        self,
        bundle: Bundle,
        manifest: TextManifest,
        graphs: Mapping[str, OnnxGraph],
        tokenizer: Tokenizer,
        clock: Clock,
    ) -> None:
        self.bundle = bundle
        self.manifest = manifest
        self.device = graphs["step"].device
        self.fell_back = graphs["step"].fell_back
        self._encoder, self._step = graphs["encoder"], graphs["step"]
        self._tokenizer, self._clock = tokenizer, clock
        arrays = bundle.arrays("noise.npz")
        self._noise = unpack_noise(arrays, self.n_rows, manifest.noise_n_times, bundle.folder.name)

    @classmethod
    def open(
        cls,
        bundle: Bundle | Path | str,
        device: Device = "auto",
        require_gpu: bool = False,
        clock: Clock = time.perf_counter,
    ) -> TextDecoder:
        """Verify and open a bundle, and compare it with its golden vectors and golden text on the device it got.

        Parameters
        ----------
        clock : callable
            Seconds; what the times of a `ReadText` are differences of.

        Raises
        ------
        BundleError
            If there is no bundle, it is broken or unsafe, or of another kind (see `open_bundle`), or its tokenizer is not the
            one that its graphs were made with.
        DeviceError
            If the GPU is required and not used.
        """
        opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
        manifest = opened.manifest
        if not isinstance(manifest, TextManifest):
            raise BundleVersionError(
                f"Bundle '{opened.folder.name}' must read text; it is of kind '{manifest.kind}'. Choose another."
            )
        tokenizer = open_tokenizer(opened, manifest)
        graphs = {}
        for graph, (given, made) in graph_tensors(opened, manifest).items():
            name = f"{graph}.onnx of bundle '{opened.folder.name}'"
            graphs[graph] = OnnxGraph(opened.read(f"{graph}.onnx"), device, require_gpu, name)
            graphs[graph].expect_all(given, made)
        verify_golden(opened, graphs)
        if manifest.preprocessing is not None:
            verify_preprocessing(opened, manifest.preprocessing, "encoder.signal")
        decoder = cls(opened, manifest, graphs, tokenizer, clock)
        decoder._verify_text()
        return decoder

    @property
    def n_rows(self) -> int:
        """Channels, or features of a word."""
        return int(input_of(self.manifest, "signal").shape[1 if self.manifest.reads == "waves" else 2])

    def read(
        self,
        signal: NDArray[np.floating],
        on_word: Callable[[str], None] | None = None,
        generation: Generation | None = None,
    ) -> ReadText:
        """The text of one sentence.

        Parameters
        ----------
        signal : float array (n_words, n_channels, n_times), (n_channels, n_times) or (n_words, n_features)
            As `manifest.reads` says; EEG preprocessed, in microvolts.
        on_word : callable, optional
            Told each word as soon as it is complete, in the thread that calls.
        generation : Generation, optional
            Another way to generate than the bundle's, but for no more tokens.

        Raises
        ------
        SignalError
            If the signal has another shape, no words, more than the model can read, or holds NaN or infinity.
        SettingsError
            If more tokens are asked for than the bundle allows.
        """
        how = generation or self.manifest.generation
        if how.max_tokens > self.manifest.generation.max_tokens:
            raise SettingsError(
                f"Bundle '{self.manifest.name}' generates up to {self.manifest.generation.max_tokens} tokens; "
                f"{how.max_tokens} were asked for. Ask for fewer."
            )
        self._check(signal)
        started_s = self._clock()
        encoded = self._encode(signal)
        encoded_s = self._clock()
        words = _Words(self._tokenizer, self._clock, on_word)
        made = self._generate(encoded, how, words.add)
        words.finish()
        finished_s = self._clock()
        for name in ("codes", "embedding"):
            encoded[name].setflags(write=False)
        return ReadText(
            words.text,
            tuple(words.complete),
            made.tokens,
            encoded["codes"][0],
            encoded["embedding"][0],
            made.log_probability,
            encoded_s - started_s,
            tuple(at_s - started_s for at_s in words.complete_s),
            finished_s - started_s,
        )

    def noise_signal(self, rng: np.random.Generator, n_steps: int) -> Floats:
        """A sentence of noise with the mean and covariances of the real signal, as `read` takes it.

        Parameters
        ----------
        n_steps : int
            Words; of waves samples, whose noise is joined from stretches of `manifest.noise_n_times`.
        """
        return noise_signal(self._noise, self.manifest.reads, rng, n_steps)

    def _encode(self, signal: NDArray[np.floating]) -> dict[str, NDArray[Any]]:
        """What the encoder gives; SignalError if it cannot take a signal as short as this."""
        reason = "it gives no state"
        try:
            encoded = self._encoder.run_all({"signal": np.ascontiguousarray(signal[np.newaxis], dtype=np.float32)})
            if encoded["codes"].size:
                return encoded
        except Exception as error:  # onnxruntime's own exceptions share no public base
            reason = str(error).splitlines()[0]
        n_steps = signal.shape[1 if self.manifest.reads == "waves" else 0]
        raise SignalError(
            f"A sentence could not be encoded by {self._encoder.name}: a sentence of {n_steps} steps may be too short for it "
            f"({reason}). Read a longer one."
        )

    def _generate(
        self, encoded: Mapping[str, NDArray[Any]], how: Generation, on_token: Callable[[int], None] | None = None
    ) -> Hypothesis:
        past = input_of(self.manifest, "past_keys").shape
        empty = np.empty((int(past[0]), how.n_beams, int(past[2]), 0, int(past[4])), np.float32)
        cross = {name: encoded[name] for name in ("cross_keys", "cross_values")}
        return generate(_CachedSteps(self._step, cross, empty), self.manifest.tokens, how, on_token)

    def _check(self, signal: NDArray[np.floating]) -> None:
        """Raise SignalError unless it is a sentence that the model can read."""
        what, sentence = f"A sentence for '{self.manifest.name}'", self.manifest.sentence
        shape = [None if isinstance(n, str) else n for n in input_of(self.manifest, "signal").shape[1:]]
        check_shape(signal, shape, what)
        if self.manifest.preprocessing is not None and self.manifest.reads == "waves":
            sfreq = self.manifest.preprocessing.output_sfreq
            if not 0 < signal.shape[1] <= round(sentence.max_s * sfreq):
                raise SignalError(
                    f"{what} must last up to {sentence.max_s:g} s; it lasts {signal.shape[1] / sfreq:.3g} s. Read a part of it."
                )
            check_finite(signal, self.manifest.preprocessing.channels, what)
            return
        if not 1 <= len(signal) <= sentence.max_words:
            advice = "Read it in parts." if len(signal) else "Nothing of it was looked at: leave it out."
            raise SignalError(f"{what} must have 1 to {sentence.max_words} words; it has {len(signal)}. {advice}")
        self._check_words(signal, what)

    def _check_words(self, signal: NDArray[np.floating], what: str) -> None:
        """Raise SignalError that names the words, and the channels, that hold NaN or infinity."""
        bad = ~np.isfinite(signal)
        if not bad.any():
            return
        where = f"word(s) {listed([str(one + 1) for one in np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))])}"
        if self.manifest.preprocessing is not None:
            rows = np.flatnonzero(bad.any(axis=(0, 2)))
            where = f"channel(s) {listed([self.manifest.preprocessing.channels[row] for row in rows])} in {where}"
        raise SignalError(f"{what} must hold finite numbers; {where} hold NaN or infinity. Leave the sentence out.")

    def _verify_text(self) -> None:
        """Raise BundleCorruptError unless the golden signal gives the golden tokens, each the likeliest."""
        golden, name = self.bundle.golden(), self.bundle.folder.name
        if "tokens" not in golden:
            raise BundleCorruptError(
                f"The golden vectors of bundle '{name}' must hold tokens; they hold {', '.join(golden)}. Export the bundle "
                "again."
            )
        greedy = Generation(max_tokens=self.manifest.generation.max_tokens)
        got = self._generate(self._encode(golden["encoder.signal"][0]), greedy).tokens
        if list(got) != golden["tokens"].tolist():
            raise BundleCorruptError(
                f"Bundle '{name}' must read its golden sentence as the tokens {golden['tokens'].tolist()}; on {self.device} "
                f"it reads {list(got)}. Export the bundle again, or choose the device cpu."
            )


class _CachedSteps:
    """The step graph with the keys and values of the tokens so far; see `text_generation.Steps`."""

    def __init__(self, graph: OnnxGraph, cross: Mapping[str, Floats], empty: Floats) -> None:
        self._graph, self._cross = graph, cross
        self._keys = self._values = empty

    def step(self, tokens: Integers) -> Floats:
        past: dict[str, NDArray[Any]] = {
            "token": tokens[:, np.newaxis],
            "past_keys": self._keys,
            "past_values": self._values,
        }
        made = self._graph.run_all({**past, **self._cross})
        self._keys, self._values = made["keys"], made["values"]
        return made["logits"]

    def take(self, rows: NDArray[np.intp]) -> None:
        self._keys, self._values = self._keys[:, rows], self._values[:, rows]


class _Words:
    """Words as they become complete: the last one of the text so far could still go on."""

    def __init__(self, tokenizer: Tokenizer, clock: Clock, on_word: Callable[[str], None] | None) -> None:
        self._tokenizer, self._clock, self._on_word = tokenizer, clock, on_word
        self._tokens: list[int] = []
        self.text = ""
        self.complete: list[str] = []
        self.complete_s: list[float] = []

    def add(self, token: int) -> None:
        self._tokens.append(token)
        self.text = self._tokenizer.decode(self._tokens, skip_special_tokens=True)
        words = self.text.split()
        self._tell(words if self.text[-1:].isspace() else words[:-1])

    def finish(self) -> None:
        self.text = self.text.strip()
        self._tell(self.text.split())

    def _tell(self, words: list[str]) -> None:
        for word in words[len(self.complete) :]:
            self.complete.append(word)
            self.complete_s.append(self._clock())
            if self._on_word is not None:
                self._on_word(word)

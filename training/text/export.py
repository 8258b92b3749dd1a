"""A trained reader of sentences -> the bundle from which the program reads text, compared with torch before it exists."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BartForConditionalGeneration, GenerationConfig
from transformers.modeling_outputs import BaseModelOutput

from bci_app.contract.bundle import Bundle, pack_arrays, write_bundle
from bci_app.contract.errors import BundleError, SettingsError
from bci_app.contract.manifest import Generation, Golden, Provenance, Score, TextManifest, Tokens
from bci_app.contract.noise import NoiseModel
from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor
from bci_app.contract.reading import Reads, SentenceSpec
from bci_app.contract.signal import Chunk
from bci_app.inference.text import TextDecoder
from bci_app.inference.text_bundle import GRAPHS, noise_signal, text_tensors
from models.text.cached import CachedStep, EncodedSentence, empty_cache
from training.bundle_card import write_text_card
from training.data.reading_noise import reading_noise
from training.data.readings import Readings, distinct_sentences
from training.export import graph_to_onnx, settled

Floats = NDArray[np.float32]

N_COMPARED = 8
"""Sentences of noise that torch and the program must read alike before a bundle exists."""
_N_GOLDEN = 5
"""Words, or stretches of waves, of the golden sentence."""
_TOLERANCE = 1e-3
"""Of states and logits, some ten in size; and, as a share, of both."""
_FREE = torch.export.Dim.AUTO
"""An axis of any length: the exporter finds the limits, and a length it took for fixed is refused when the bundle opens."""


class Reader(Protocol):
    """What is exported; see `models.text.reader.SentenceReader`."""

    language: BartForConditionalGeneration

    def states(self, signal: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Last hidden states (batch, n, d_model) of the language model's encoder, codes (batch, n), embeddings (batch, dim)."""
        ...


def export_text(
    folder: Path | str,
    reader: Reader,
    tokenizer: Tokenizer,
    train: Readings,
    *,
    name: str,
    n_codes: int,
    generation: Generation,
    metrics: Sequence[Score],
    provenance: Provenance,
    about: Sequence[str] = (),
) -> Bundle:
    """Write the bundle of a reader.

    Parameters
    ----------
    folder : path
        Where it shall stand; a bundle already there is replaced.
    reader : Reader
        A network (nn.Module); it is left as it is.
    tokenizer : Tokenizer
        That of its language model.
    train : Readings
        What it was trained on: gives kind and shape of the signal, how it is preprocessed and cut, the noise of its twin, and
        the sentences that must not be shown to test it. No signal of it enters the bundle.
    name : str
    n_codes : int
        Codes in the codex.
    generation : Generation
        How the bundle generates, unless it is asked otherwise.
    metrics : sequence of Score
        The one called `bci_app.text.scores.MATCHED_MINUS_SHUFFLED` is shown beside what is read.
    provenance : Provenance
    about : sequence of str
        Paragraphs for the card.

    Raises
    ------
    SettingsError
        If the tokenizer is not that of the language model, or the model has too few places.
    BundleError
        If a weight is not finite, the graphs are refused, or the program does not read what torch reads.
    """
    network = settled(cast(nn.Module, reader)).float()
    noise, longest = reading_noise(train), _longest(train.reads, train.preprocessing, train.spec)
    manifest = TextManifest(
        name=name,
        **_shapes(network, train, noise, longest, generation),
        tokens=_tokens(cast(Reader, network).language, tokenizer, train),
        golden=Golden(atol=_TOLERANCE, rtol=_TOLERANCE),
        provenance=provenance,
        metrics=tuple(metrics),
        reads=train.reads,
        preprocessing=train.preprocessing,
        sentence=train.spec,
        noise_n_times=noise.mean.shape[1],
        generation=generation,
        n_codes=n_codes,
        trained_on=distinct_sentences(train.items),
    )
    files = {
        **_graphs(network, manifest, noise, longest),
        "tokenizer.json": tokenizer.to_str().encode(),
        "noise.npz": noise.pack(),
        "golden.npz": _golden(network, manifest, noise, longest),
    }
    _compare(network, manifest, files, longest)
    return write_bundle(folder, manifest, {**files, "card.md": write_text_card(manifest, files, about).encode()})


def torch_tokens(
    language: BartForConditionalGeneration, states: Tensor, tokens: Tokens, generation: Generation
) -> tuple[int, ...]:
    """What transformers generates from states (1, n_states, d_model), all after the first token, as a bundle would.

    Whatever habits the model has of its own (a forced last token, n-grams that must not come again) are left out.
    """
    habits, language.generation_config = language.generation_config, _as_transformers(language, tokens, generation)
    try:
        made = language.generate(encoder_outputs=BaseModelOutput(last_hidden_state=states))
    finally:
        language.generation_config = habits
    rows: list[int] = made[0, 1:].tolist()
    return tuple(rows[: rows.index(tokens.stop) + 1] if tokens.stop in rows else rows)


def _as_transformers(
    language: BartForConditionalGeneration, tokens: Tokens, generation: Generation
) -> GenerationConfig:
    beams = {"length_penalty": generation.length_penalty, "early_stopping": False} if generation.n_beams > 1 else {}
    return GenerationConfig(  # type: ignore[no-untyped-call]
        max_length=generation.max_tokens + 1,
        num_beams=generation.n_beams,
        repetition_penalty=generation.repetition_penalty,
        do_sample=False,
        decoder_start_token_id=tokens.first,
        forced_bos_token_id=tokens.forced,
        eos_token_id=tokens.stop,
        pad_token_id=language.config.pad_token_id,
        **beams,
    )


def _longest(reads: Reads, preprocessing: PreprocessingSpec | None, sentence: SentenceSpec) -> int:
    """Steps of the longest sentence that the program would cut: words, or samples."""
    if reads != "waves" or preprocessing is None:
        return sentence.max_words
    return round(sentence.max_s * preprocessing.output_sfreq)


def _shapes(
    network: nn.Module, train: Readings, noise: NoiseModel, longest: int, generation: Generation
) -> dict[str, Any]:
    """Inputs and outputs of both graphs; SettingsError if the longest sentence, or text, is longer than the model can take."""
    language = cast(Reader, network).language
    n_places = language.config.max_position_embeddings
    if generation.max_tokens > n_places:
        raise SettingsError(
            f"The language model has {n_places} places; a bundle that generates {generation.max_tokens} tokens needs as many. "
            "Lower max_tokens."
        )
    example = noise_signal(noise, train.reads, np.random.default_rng(0), longest)
    try:
        embedding = _states(network, example)[2]
    except (RuntimeError, IndexError, ValueError) as error:
        raise SettingsError(
            f"The model must read sentences of {longest} steps, which is what its settings let the program cut (max_words, "
            f"max_s); it cannot: {error}. Lower them."
        ) from error
    empty, steps = empty_cache(language), example.shape[1:] if train.reads != "waves" else example.shape[:1]
    cache = (empty.shape[0], empty.shape[2], empty.shape[4])
    inputs, outputs = text_tensors(train.reads, steps, cache, embedding.shape[1], language.config.vocab_size)
    return {"inputs": inputs, "outputs": outputs}


def _states(network: nn.Module, signal: Floats) -> tuple[Tensor, Tensor, Tensor]:
    with torch.no_grad():
        return cast(Reader, network).states(torch.tensor(signal[np.newaxis]))


def _tokens(language: BartForConditionalGeneration, tokenizer: Tokenizer, train: Readings) -> Tokens:
    """Size and special tokens, and the first training sentence that the tokenizer gives back as it was."""
    if tokenizer.get_vocab_size() != language.config.vocab_size:
        raise SettingsError(
            f"The tokenizer must have the {language.config.vocab_size} tokens of its language model; it has "
            f"{tokenizer.get_vocab_size()}. Take both from the same place."
        )
    special = language.generation_config
    for sentence in distinct_sentences(train.items):
        ids = tokenizer.encode(sentence, add_special_tokens=False).ids
        if ids and tokenizer.decode(ids).strip() == sentence:
            return Tokens(
                vocab_size=language.config.vocab_size,
                first=special.decoder_start_token_id,
                forced=special.forced_bos_token_id,
                stop=special.eos_token_id,
                sample=sentence,
                sample_tokens=tuple(ids),
            )
    raise SettingsError(
        f"The tokenizer must give back at least one of the sentences of '{train.name}' as it was; it gives back none. Train "
        "it on such text."
    )


def _graphs(network: nn.Module, manifest: TextManifest, noise: NoiseModel, longest: int) -> dict[str, bytes]:
    """Both graphs by file name."""
    language = cast(Reader, network).language
    signal = torch.from_numpy(noise_signal(noise, manifest.reads, np.random.default_rng(0), longest)[np.newaxis])
    axis = 2 if manifest.reads == "waves" else 1
    encode = EncodedSentence(network).eval()
    encoder = graph_to_onnx(encode, {"signal": signal}, GRAPHS["encoder"][1], ({axis: _FREE},))
    return {"encoder.onnx": encoder, "step.onnx": export_step(language)}


def export_step(language: BartForConditionalGeneration) -> bytes:
    """The graph of one token more, for any number of rows, of tokens before and of states."""
    free = ({0: _FREE}, {1: _FREE, 3: _FREE}, {1: _FREE, 3: _FREE}, {3: _FREE}, {3: _FREE})
    given = _step_inputs(language, torch.Generator().manual_seed(0))
    return graph_to_onnx(CachedStep(language).eval(), given, GRAPHS["step"][1], free)


def _step_inputs(language: BartForConditionalGeneration, drawn: torch.Generator) -> dict[str, Tensor]:
    """Inputs of a step at random: two rows, three tokens behind them, five states."""
    n_layers, _, n_heads, _, head_dim = empty_cache(language).shape
    pasts = [torch.randn(n_layers, 2, n_heads, 3, head_dim, generator=drawn) for _ in range(2)]
    crosses = [torch.randn(n_layers, 1, n_heads, 5, head_dim, generator=drawn) for _ in range(2)]
    token = torch.randint(language.config.vocab_size, (2, 1), generator=drawn)
    return dict(zip(GRAPHS["step"][0], (token, *pasts, *crosses), strict=True))


def _golden(network: nn.Module, manifest: TextManifest, noise: NoiseModel, longest: int) -> bytes:
    """A sentence of noise, what torch makes of it, a step at random, and the text of the sentence."""
    language = cast(Reader, network).language
    signal, arrays = _golden_signal(manifest, noise, longest)
    cases: list[tuple[str, nn.Module, dict[str, Tensor]]] = [
        ("encoder", EncodedSentence(network).eval(), {"signal": torch.tensor(signal[np.newaxis])}),
        ("step", CachedStep(language).eval(), _step_inputs(language, torch.Generator().manual_seed(1))),
    ]
    for graph, part, inputs in cases:
        with torch.no_grad():
            made = dict(zip(GRAPHS[graph][1], part(*inputs.values()), strict=True))
        arrays |= {f"{graph}.{name}": array.numpy() for name, array in (inputs | made).items()}
    greedy = Generation(max_tokens=manifest.generation.max_tokens)
    spelt = torch_tokens(language, _states(network, signal)[0], manifest.tokens, greedy)
    return pack_arrays(**arrays, tokens=np.array(spelt, np.int64))


def _golden_signal(manifest: TextManifest, noise: NoiseModel, longest: int) -> tuple[Floats, dict[str, NDArray[Any]]]:
    """A sentence of noise that ends with raw noise as it is preprocessed, and that raw noise if there is a preprocessing."""
    spec, n_times = manifest.preprocessing, noise.mean.shape[1]
    waves = manifest.reads == "waves"
    n_steps = min(_N_GOLDEN * n_times if waves else _N_GOLDEN, longest)
    signal = noise_signal(noise, manifest.reads, np.random.default_rng(1), n_steps)
    if spec is None:
        return signal, {}
    n_kept = n_steps if waves else n_times
    n_raw = (n_kept + 16) * spec.decimation
    raw = 10 * np.random.default_rng(0).standard_normal((len(spec.channels), n_raw), dtype=np.float32)
    kept = Preprocessor(spec).process(Chunk(raw, np.arange(n_raw) / spec.sfreq, 0)).data[:, -n_kept:]
    return (kept if waves else np.concatenate([signal[:-1], kept[np.newaxis]])), {"raw": raw}


def _compare(network: nn.Module, manifest: TextManifest, files: Mapping[str, bytes], longest: int) -> None:
    """Raise BundleError unless the program reads the same tokens as torch from noise of many lengths, in both ways."""
    language = cast(Reader, network).language
    ways = {1: Generation(max_tokens=manifest.generation.max_tokens), manifest.generation.n_beams: manifest.generation}
    with tempfile.TemporaryDirectory() as workplace:
        opened = TextDecoder.open(write_bundle(Path(workplace) / "draft", manifest, files), device="cpu")
    for number in range(N_COMPARED):
        signal = opened.noise_signal(np.random.default_rng((2, number)), -(-longest * (number + 1) // N_COMPARED))
        states, codes, _ = _states(network, signal)
        for way in ways.values():
            read, wanted = opened.read(signal, generation=way), torch_tokens(language, states, manifest.tokens, way)
            if read.tokens != wanted or read.codes.tolist() != codes[0].tolist():
                raise BundleError(
                    f"The program must read what torch reads; from sentence {number} of noise it reads {list(read.tokens)}, "
                    f"torch {list(wanted)} (codes {read.codes.tolist()} and {codes[0].tolist()}). Train on, or report it."
                )

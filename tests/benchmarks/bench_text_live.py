"""Text on the CPU, word by word: the program against transformers token by token, and a cache against none.

The readers are untrained, so what they write is gibberish; neither its time nor whether two programs write the same depends on
that. Without a cache means what transformers does without one: for each token, the keys and values of all tokens so far and of
all states of the sentence are made again. Both run on one thread, as the program runs them. A step reads every weight once, so
one as large as BART-base's waits for memory (350 million bytes a token) and gains less from a cache.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BartForConditionalGeneration

from bci_app.contract.bundle import Bundle
from bci_app.contract.manifest import Generation
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.reading import Reads, SentenceSpec
from bci_app.contract.windowing import TrialSpec
from bci_app.inference.session import OnnxGraph
from bci_app.inference.text import ReadText, TextDecoder
from models.text.bands import BandAmplitudes, usable_bands
from models.text.cached import cross_cache, empty_cache
from models.text.codex import Codex
from models.text.language import small_bart
from models.text.reader import SentenceReader
from models.text.scale import Standardise
from models.text.wave_encoder import WaveEncoder
from models.text.word_encoder import WordEncoder
from tests.benchmarks.results import Row, publish
from tests.tiny import PROVENANCE
from training.data.readings import Reading, Readings
from training.export import graph_to_onnx
from training.text.export import export_step, export_text, torch_tokens
from training.text.tokens import train_tokenizer

N_SIGNALS, N_WORDS, N_REPEATS, TARGET = 200, 30, 30, 3.0
N_FEATURES, SFREQ, N_TIMES, CHANNELS = 64, 128.0, 64, tuple(f"E{number}" for number in range(16))
GREEDY = Generation(max_tokens=56, repetition_penalty=1.2)
WAYS = {"greedy": GREEDY, "5 beams": GREEDY.model_copy(update={"n_beams": 5})}
SIZES = {"small": (1000, 128, 2, 4, 256, 128), "as large as BART-base": (50265, 768, 6, 12, 3072, 1024)}
"""Tokens, width, layers, heads, hidden width and places of a language model."""
_FREE = torch.export.Dim.AUTO


class WholePrefix(nn.Module):
    """All tokens so far and all states (1, n_states, d_model) -> logits of the next token, as transformers without a cache."""

    def __init__(self, language: BartForConditionalGeneration) -> None:
        super().__init__()
        self.language = language

    def forward(self, tokens: Tensor, states: Tensor) -> Tensor:
        """Logits (1, vocab_size) after tokens (1, n)."""
        decoder = self.language.model.decoder
        n, first = tokens.shape[1], decoder.embed_positions.offset
        hidden = decoder.layernorm_embedding(
            decoder.embed_tokens(tokens) + decoder.embed_positions.weight[first : first + n]
        )
        later = torch.full((n, n), -torch.inf).triu(1)
        for layer in decoder.layers:
            hidden = layer.self_attn_layer_norm(hidden + _attend(layer.self_attn, hidden, hidden, later))
            hidden = layer.encoder_attn_layer_norm(hidden + _attend(layer.encoder_attn, hidden, states, torch.zeros(1)))
            hidden = layer.final_layer_norm(hidden + layer.fc2(layer.activation_fn(layer.fc1(hidden))))
        return self.language.lm_head(hidden[:, -1]) + self.language.final_logits_bias


def _attend(attention: nn.Module, asking: Tensor, asked: Tensor, hidden_from: Tensor) -> Tensor:
    queries, keys, values = (
        made.view(1, -1, attention.num_heads, attention.head_dim).transpose(1, 2)
        for made in (attention.q_proj(asking), attention.k_proj(asked), attention.v_proj(asked))
    )
    weights = torch.softmax(queries @ keys.transpose(2, 3) * attention.scaling + hidden_from, dim=3)
    return attention.out_proj((weights @ values).transpose(1, 2).reshape(asking.shape))


def language_of(size: str, vocab_size: int | None = None) -> BartForConditionalGeneration:
    """A language model of random weights."""
    torch.manual_seed(0)
    return small_bart(vocab_size or SIZES[size][0], *SIZES[size][1:]).eval()


def small_bundle(folder: Path, reads: Reads) -> tuple[Bundle, SentenceReader]:
    """An untrained reader with the small language model, and its bundle."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, 2 + number % 5)) for number in range(900)]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(400)]
    tokenizer = train_tokenizer(texts, SIZES["small"][0])
    language = language_of("small", tokenizer.get_vocab_size())
    for weight in language.parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=2.0 / weight.shape[1] ** 0.5)  # so wide that the text depends on what is read
    for token, number in tokenizer.get_vocab().items():
        if not token.startswith("Ġ") and number != language.config.eos_token_id:
            language.final_logits_bias[
                0, number
            ] = -100.0  # single bytes, which an untrained model would write without end
    reader = _reader(reads, language).eval()
    live = reads != "word-features"
    spec = PreprocessingSpec.design(CHANNELS, 2 * SFREQ, (1.0, 30.0), decimation=2) if live else None
    cut = None if reads == "waves" else TrialSpec(start_s=0.0, stop_s=N_TIMES / SFREQ)
    shape = {
        "word-features": (12, N_FEATURES),
        "word-windows": (12, len(CHANNELS), N_TIMES),
        "waves": (len(CHANNELS), 400),
    }
    signals = rng.standard_normal((len(texts), *shape[reads]), dtype=np.float32)
    items = tuple(Reading(text, signal, "nobody") for text, signal in zip(texts, signals, strict=True))
    rows = CHANNELS if live else tuple(map(str, range(N_FEATURES)))
    train = Readings(items, reads, rows, spec, SentenceSpec(word_cut=cut, max_s=15.0))
    how = {"generation": GREEDY, "metrics": (), "provenance": PROVENANCE, "n_codes": 256}
    return export_text(folder, reader, tokenizer, train, name="untrained reader", **how), reader


def _reader(reads: Reads, language: BartForConditionalGeneration) -> SentenceReader:
    """The network in front of a language model."""
    codex, bands, n_channels = Codex(64, 64, 256, 8), None, len(CHANNELS)
    codex.begin(torch.randn(2000, 64), 100)
    if reads == "waves":
        scale = Standardise(torch.zeros(n_channels), torch.eye(n_channels), waves=True)
        return SentenceReader(scale, WaveEncoder(n_channels, 64, (4, 4), max_steps=128), codex, language)
    if reads == "word-windows":
        bands = BandAmplitudes(N_TIMES, SFREQ, usable_bands(SFREQ, N_TIMES))
    n_features = N_FEATURES if bands is None else n_channels * bands.n_bands
    scale = Standardise(torch.zeros(n_features), torch.eye(n_features))
    return SentenceReader(scale, WordEncoder(n_features, 64, 2, 4, 128), codex, language, bands=bands)


def parity(decoder: TextDecoder, reader: SentenceReader) -> tuple[dict[str, int], int]:
    """Signals read alike by program and transformers in each way, and how many different texts that were."""
    same, texts = dict.fromkeys(WAYS, 0), set()
    for number in range(N_SIGNALS):
        n_words = 1 + number % 50
        n_steps = 16 * n_words if decoder.manifest.reads == "waves" else n_words
        signal = decoder.noise_signal(np.random.default_rng(number), n_steps)
        with torch.no_grad():
            states = reader.states(torch.from_numpy(signal[np.newaxis]))[0]
        for name, way in WAYS.items():
            read = decoder.read(signal, generation=way)
            same[name] += read.tokens == torch_tokens(reader.language, states, decoder.manifest.tokens, way)
            texts.add(read.text)
    return same, len(texts)


def live(decoder: TextDecoder) -> list[ReadText]:
    """Sentences of many words as they are read live, after a few that nobody times."""
    rng = np.random.default_rng(1)
    return [decoder.read(decoder.noise_signal(rng, N_WORDS)) for _ in range(105)][5:]


def with_and_without(language: BartForConditionalGeneration, n_repeats: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Seconds of each of `N_WORDS` + 1 tokens with and without a cache (n_repeats, n), and how far logits differ, as a share."""
    states, tokens = torch.randn(1, N_WORDS, language.config.d_model), np.arange(N_WORDS + 1)[np.newaxis] + 5
    example = {"tokens": torch.from_numpy(tokens[:, :4].copy()), "states": states[:, :5]}
    with torch.no_grad():
        cross = dict(
            zip(("cross_keys", "cross_values"), (made.numpy() for made in cross_cache(language, states)), strict=True)
        )
        empty = empty_cache(language).numpy()
    step = OnnxGraph(export_step(language), "cpu")
    whole = OnnxGraph(
        graph_to_onnx(WholePrefix(language).eval(), example, ("logits",), ({1: _FREE}, {1: _FREE})), "cpu"
    )

    def cached() -> tuple[list[float], np.ndarray]:
        past = {"past_keys": empty, "past_values": empty}

        def one(place: int) -> np.ndarray:
            made = step.run_all({"token": tokens[:, place : place + 1], **past, **cross})
            past.update(past_keys=made["keys"], past_values=made["values"])
            return made["logits"]

        return _timed(one)

    def uncached() -> tuple[list[float], np.ndarray]:
        return _timed(
            lambda place: whole.run_all({"tokens": tokens[:, : place + 1], "states": states.numpy()})["logits"]
        )

    cached(), uncached()
    runs = [(cached(), uncached()) for _ in range(n_repeats)]  # in turn, so that both meet the same machine
    off = max(float(np.abs(one[1] - other[1]).max() / np.abs(one[1]).max()) for one, other in runs)
    return np.array([one[0] for one, _ in runs]), np.array([other[0] for _, other in runs]), off


def _timed(one: Callable[[int], np.ndarray]) -> tuple[list[float], np.ndarray]:
    """Seconds of each token, and the last logits."""
    seconds = []
    for place in range(N_WORDS + 1):
        started = time.perf_counter()
        logits = one(place)
        seconds.append(time.perf_counter() - started)
    return seconds, logits


def cache_rows(size: str) -> list[Row]:
    """What a cache is worth to a language model of one size."""
    small = size == "small"
    cached, uncached, off = with_and_without(language_of(size), N_REPEATS if small else 5)
    last = [1000 * float(np.median(each[:, -1])) for each in (cached, uncached)]
    mean = [1000 * float(np.median(each, axis=0)[1:].mean()) for each in (cached, uncached)]
    return [
        Row(f"{size}: word {N_WORDS}, with / without a cache", f"{last[0]:.2f} / {last[1]:.2f} ms"),
        Row(f"{size}: times faster at word {N_WORDS}", f"{last[1] / last[0]:.1f}", f">= {TARGET:g}" if small else "",
            last[1] / last[0] >= TARGET if small else None),
        Row(f"{size}: mean of words 1 to {N_WORDS}, times faster", f"{mean[0]:.2f} / {mean[1]:.2f} ms, {mean[1] / mean[0]:.1f}"),
        Row(f"{size}: largest difference of a logit, as a share of the largest", f"{off:.1e}", "<= 1e-4", off <= 1e-4),
    ]  # fmt: skip


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    torch.set_num_threads(1)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for reads in get_args(Reads):
            bundle, reader = small_bundle(Path(folder) / reads, reads)
            decoder = TextDecoder.open(bundle, "cpu")
            rows += parity_rows(decoder, reader)
            if reads == "word-windows":
                rows += live_rows(live(decoder))
    for size in SIZES:
        rows += cache_rows(size)
    return int(not publish("text_live", rows))


def parity_rows(decoder: TextDecoder, reader: SentenceReader) -> list[Row]:
    """Whether the program reads what transformers reads."""
    same, n_texts = parity(decoder, reader)
    what = f"{decoder.manifest.reads}: signals of {N_SIGNALS} read as the same tokens"
    told = [Row(f"{what}, {name}", f"{n}", f"{N_SIGNALS}", n == N_SIGNALS) for name, n in same.items()]
    return [*told, Row(f"{decoder.manifest.reads}: different texts among both", f"{n_texts}")]


def live_rows(reads: list[ReadText]) -> list[Row]:
    """What a person waits for."""
    firsts = [1000 * read.word_s[0] for read in reads if read.words]
    per_word = [1000 * each for read in reads for each in np.diff(read.word_s)]
    return [
        Row(f"end of a sentence of {N_WORDS} words to its first word: p50 / p99", _spread(firsts)),
        Row("from word to word: p50 / p99", _spread(per_word)),
    ]


def _spread(milliseconds: list[float]) -> str:
    p50, p99 = np.percentile(milliseconds, (50, 99))
    return f"{p50:.2f} / {p99:.2f} ms"


if __name__ == "__main__":
    sys.exit(main())

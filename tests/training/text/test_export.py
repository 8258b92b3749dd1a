"""A reader leaves as a bundle only if the program reads from it, token by token, what torch reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import nn

from bci_app.contract.bundle import Bundle
from bci_app.contract.errors import BundleError, SettingsError
from bci_app.contract.manifest import Generation, Score, TextManifest
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.reading import SentenceSpec
from bci_app.contract.windowing import TrialSpec
from bci_app.inference.text import TextDecoder
from bci_app.text.scores import MATCHED_MINUS_SHUFFLED
from models.text.bands import BandAmplitudes
from models.text.codex import Codex
from models.text.language import small_bart
from models.text.reader import SentenceReader
from models.text.scale import Standardise
from models.text.word_encoder import WordEncoder
from tests.tiny import PROVENANCE
from training.data.readings import Reading, Readings
from training.text import export
from training.text.export import export_text, torch_tokens
from training.text.tokens import train_tokenizer

TEXTS = ("the old man reads a red book", "a dog sees the house", "it was a dark and stormy night")
BANDS = {"low": (4.0, 8.0), "high": (15.0, 25.0)}
BEAMS = Generation(max_tokens=12, n_beams=4, length_penalty=0.8, repetition_penalty=1.3)
MAX_WORDS, N_TIMES, N_CODES = 12, 32, 16


def _gap(low: float, noise: float = 0.1) -> Score:
    return Score(
        name=MATCHED_MINUS_SHUFFLED, value=3.0, low=low, high=5.0, chance=0.0, noise_input=noise, n=20,
        held_out="Other sentences.",
    )  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TEXTS, 280)


@pytest.fixture(scope="module")
def reader(tokenizer: Tokenizer) -> SentenceReader:
    """An untrained reader of windows of two channels whose states and logits differ from word to word."""
    torch.manual_seed(0)
    scale, encoder = (
        Standardise(torch.full((4,), 2.0), torch.eye(4)),
        WordEncoder(4, 16, 1, 2, 16, max_words=MAX_WORDS),
    )
    codex = Codex(16, 16, N_CODES, 4)
    codex.begin(torch.randn(100, 16), 10)
    language = small_bart(tokenizer.get_vocab_size(), 16, 1, 2, 16, 16)
    for weight in language.parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=0.6)
    return SentenceReader(scale, encoder, codex, language, 8, BandAmplitudes(N_TIMES, 64.0, BANDS))


@pytest.fixture(scope="module")
def train() -> Readings:
    rng = np.random.default_rng(0)
    items = tuple(
        Reading(text, 10 * rng.standard_normal((5, 2, N_TIMES), dtype=np.float32), subject)
        for text in TEXTS
        for subject in "abc"
    )
    spec = PreprocessingSpec.design(("Cz", "Pz"), 128.0, (1.0, 30.0), decimation=2)
    sentence = SentenceSpec(word_cut=TrialSpec(start_s=0.0, stop_s=0.5), max_words=MAX_WORDS)
    return Readings(items, "word-windows", ("Cz", "Pz"), spec, sentence)


@pytest.fixture(scope="module")
def export_it(reader: SentenceReader, tokenizer: Tokenizer, train: Readings) -> Callable[..., Bundle]:
    def made(folder: Path, **changes: object) -> Bundle:
        given = {"reader": reader, "tokenizer": tokenizer, "train": train, "generation": BEAMS, "metrics": (_gap(1.0),)}
        return export_text(folder, name="small", n_codes=N_CODES, provenance=PROVENANCE, **(given | changes))  # type: ignore[arg-type]

    return made


@pytest.fixture(scope="module")
def bundle(export_it: Callable[..., Bundle], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return export_it(tmp_path_factory.mktemp("text") / "bundle")


@pytest.mark.parametrize("n_beams", [1, 4])
@torch.no_grad()
def test_the_program_reads_the_tokens_that_transformers_generates(
    bundle: Bundle, reader: SentenceReader, n_beams: int
) -> None:
    decoder, how = TextDecoder.open(bundle, "cpu"), BEAMS.model_copy(update={"n_beams": n_beams})
    seen = set()
    for number in range(20):
        signal = decoder.noise_signal(np.random.default_rng(number), 1 + number % MAX_WORDS)
        states, codes, embedding = reader.eval().states(torch.from_numpy(signal[np.newaxis]))
        read = decoder.read(signal, generation=how)
        assert read.tokens == torch_tokens(reader.language, states, decoder.manifest.tokens, how)
        assert read.codes.tolist() == codes[0].tolist()
        np.testing.assert_allclose(read.embedding, embedding[0].numpy(), atol=1e-4)
        seen.add(read.tokens)
    assert len(seen) > 10, "the same text from everything is no comparison"


def test_the_manifest_tells_what_it_was_trained_on_and_how_its_text_is_made(
    bundle: Bundle, tokenizer: Tokenizer
) -> None:
    manifest = bundle.manifest
    assert isinstance(manifest, TextManifest)
    assert manifest.trained_on == TEXTS
    assert manifest.generation == BEAMS
    assert (manifest.tokens.first, manifest.tokens.forced, manifest.tokens.stop) == (2, 0, 2)
    assert tokenizer.decode(list(manifest.tokens.sample_tokens)).strip() == manifest.tokens.sample == TEXTS[0]


def test_noise_has_the_spread_of_the_training_signals(bundle: Bundle) -> None:
    noise = TextDecoder.open(bundle, "cpu").noise_signal(np.random.default_rng(0), 300)
    assert float(noise.std()) == pytest.approx(10.0, rel=0.1)


def test_no_path_and_no_signal_of_anybody_is_in_the_bundle(bundle: Bundle, train: Readings) -> None:
    everything = b"".join(bundle.contents.values())
    assert b".py" not in bundle.read("encoder.onnx") + bundle.read("step.onnx")
    assert all(reading.signal[0, 0, :4].tobytes() not in everything for reading in train.items)


def test_the_reader_is_left_as_it_was(bundle: Bundle, reader: SentenceReader) -> None:
    assert reader.language.generation_config.max_length is None or reader.language.generation_config.num_beams in (
        None,
        1,
    )


def test_the_card_says_whether_it_reads_or_guesses(bundle: Bundle) -> None:
    card = bundle.read("card.md").decode()
    assert "BLEU-1 is 3.0 points (95 % interval 1.0 to 5.0) above" in card
    assert "owed to the signal" in card


@pytest.fixture
def ready_graphs(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs that were exported before, in the place of new ones, which take seconds."""
    graphs = {name: bundle.read(name) for name in ("encoder.onnx", "step.onnx")}
    monkeypatch.setattr(export, "_graphs", lambda *_: graphs)
    monkeypatch.setattr(export, "N_COMPARED", 1)


@pytest.mark.usefixtures("ready_graphs")
@pytest.mark.parametrize(
    ("metrics", "says"),
    [
        ((_gap(-1.0),), "no information of the signal was detected"),
        ((_gap(1.0, noise=1.5),), "fed noise, the same model scores 1.5"),
        ((), "Take what it writes for guesses"),
    ],
)
def test_a_card_without_a_figure_above_zero_claims_nothing(
    export_it: Callable[..., Bundle], tmp_path: Path, metrics: tuple[Score, ...], says: str
) -> None:
    card = export_it(tmp_path / "bundle", metrics=metrics).read("card.md").decode()
    assert says in card
    assert "owed to the signal" not in card


@pytest.mark.usefixtures("ready_graphs")
def test_graphs_of_other_weights_never_become_a_bundle(
    export_it: Callable[..., Bundle], reader: SentenceReader, tmp_path: Path
) -> None:
    other = export.settled(reader)
    assert isinstance(other, SentenceReader)
    with torch.no_grad():
        other.language.model.decoder.layers[0].fc2.bias[0] += 1.0
    with pytest.raises(BundleError, match=r"step\.onnx of bundle .* must give its golden output"):
        export_it(tmp_path / "bundle", reader=other)
    assert not (tmp_path / "bundle").exists()


def test_what_does_not_fit_together_is_refused_before_anything_is_exported(
    export_it: Callable[..., Bundle], train: Readings, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="has 16 places; a bundle that generates 17 tokens"):
        export_it(tmp_path / "bundle", generation=Generation(max_tokens=17))
    longer = replace(train, spec=train.spec.model_copy(update={"max_words": 13}))
    with pytest.raises(SettingsError, match="must read sentences of 13 steps"):
        export_it(tmp_path / "bundle", train=longer)
    with pytest.raises(SettingsError, match=r"must have the [0-9]+ tokens of its language model; it has 261"):
        export_it(tmp_path / "bundle", tokenizer=train_tokenizer(TEXTS, 261))


def test_weights_that_are_not_finite_stay_here(
    export_it: Callable[..., Bundle], reader: SentenceReader, tmp_path: Path
) -> None:
    broken = export.settled(reader)
    assert isinstance(broken, SentenceReader)
    with torch.no_grad():
        broken.codex.leave.bias[0] = torch.nan
    with pytest.raises(BundleError, match=r"finite weights; codex\.leave\.bias"):
        export_it(tmp_path / "bundle", reader=broken)

"""A text bundle opens only whole and with its own tokenizer, and reads a sentence word by word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from bci_app.contract.bundle import Bundle, pack_arrays, write_bundle
from bci_app.contract.errors import BundleCorruptError, BundleVersionError, SettingsError, SignalError
from bci_app.contract.manifest import Generation, TextManifest
from bci_app.contract.reading import Reads, SentenceSpec
from bci_app.contract.windowing import TrialSpec
from bci_app.inference.session import OnnxGraph
from bci_app.inference.text import TextDecoder
from tests.tiny import SPECIALS, WORDS, tiny_generator, tiny_text_bundle, tiny_text_signal

SENTENCE = ("the", "old", "man", "reads", "a", "red", "book")
each_kind = pytest.mark.parametrize("reads", get_args(Reads))


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Bundle]:
    return lambda reads="word-windows", **settings: tiny_text_bundle(tmp_path / "text", reads, **settings)


def _changed(bundle: Bundle, manifest: dict[str, Any] | None = None, **files: bytes) -> Bundle:
    """The bundle with other fields or files, sealed again."""
    described = TextManifest.model_validate(bundle.manifest.model_dump() | (manifest or {}))
    contents = dict(bundle.contents) | {name.replace("_", "."): content for name, content in files.items()}
    return write_bundle(bundle.folder, described, contents)


@each_kind
def test_the_words_of_the_signal_are_read(make: Callable[..., Bundle], reads: Reads) -> None:
    bundle = make(reads)
    assert isinstance(bundle.manifest, TextManifest)
    read = TextDecoder.open(bundle, "cpu").read(tiny_text_signal(bundle.manifest, SENTENCE))
    numbers = [WORDS.index(word) for word in SENTENCE]
    assert (read.text, read.words) == (" ".join(SENTENCE), SENTENCE)
    assert read.codes.tolist() == numbers
    assert read.tokens == (0, *(len(SPECIALS) + number for number in numbers), 2)
    assert [array.flags.writeable for array in (read.codes, read.embedding)] == [False, False]
    np.testing.assert_allclose(read.embedding, np.bincount(numbers, minlength=len(WORDS)) / len(SENTENCE), atol=1e-6)


@each_kind
def test_beams_read_the_same_where_every_word_is_sure(make: Callable[..., Bundle], reads: Reads) -> None:
    bundle = make(reads)
    decoder, signal = TextDecoder.open(bundle, "cpu"), tiny_text_signal(bundle.manifest, SENTENCE)
    beams = decoder.read(signal, generation=Generation(n_beams=5))
    assert beams.words == SENTENCE
    assert beams.log_probability == pytest.approx(decoder.read(signal).log_probability, abs=1e-4)


def test_a_word_is_told_when_the_next_begins_and_its_time_is_that_of_the_clock(make: Callable[..., Bundle]) -> None:
    clock, told = iter(float(n) for n in range(100)), list[str]()
    bundle = make()
    decoder = TextDecoder.open(bundle, "cpu", clock=lambda: next(clock))
    read = decoder.read(tiny_text_signal(bundle.manifest, SENTENCE), told.append)
    assert tuple(told) == SENTENCE
    assert read.encoded_s == 1.0
    assert read.word_s == tuple(2.0 + n for n in range(len(SENTENCE)))
    assert read.finished_s == 2.0 + len(SENTENCE)


def test_a_word_of_several_tokens_is_told_once_it_is_whole(make: Callable[..., Bundle]) -> None:
    pieces = ("Ġthe", "Ġra", "in", "s", "Ġdrum", "med", ".", "Ġthen", "Ġsun", "ny")
    tokenizer = Tokenizer(models.BPE({token: n for n, token in enumerate((*SPECIALS, *pieces))}, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIALS))
    bundle = make()
    tokens = bundle.manifest.tokens.model_copy(update={"sample": "s", "sample_tokens": (7,)})
    bundle = _changed(bundle, {"tokens": tokens}, tokenizer_json=tokenizer.to_str().encode())
    told: list[str] = []
    read = TextDecoder.open(bundle, "cpu").read(tiny_text_signal(bundle.manifest, WORDS[:7]), told.append)
    assert read.text == "the rains drummed."
    assert told == ["the", "rains", "drummed."]


@each_kind
def test_noise_is_a_sentence_of_the_asked_length_that_can_be_read(make: Callable[..., Bundle], reads: Reads) -> None:
    bundle = make(reads)
    decoder = TextDecoder.open(bundle, "cpu")
    noise = decoder.noise_signal(np.random.default_rng(0), 50)
    steps = {"word-features": (50, 8), "word-windows": (50, 2, 16), "waves": (2, 50)}
    assert noise.shape == steps[reads]
    assert float(noise.std()) == pytest.approx(5.0, rel=0.2)
    assert decoder.read(noise).words


def test_what_cannot_be_a_sentence_is_refused_in_words(make: Callable[..., Bundle]) -> None:
    bundle = make(sentence=SentenceSpec(word_cut=TrialSpec(start_s=0.0, stop_s=0.25), max_words=5))
    decoder, signal = TextDecoder.open(bundle, "cpu"), np.ones((6, 2, 16), np.float32)
    with pytest.raises(SignalError, match=r"must have 1 to 5 words; it has 6\. Read it in parts"):
        decoder.read(signal)
    with pytest.raises(SignalError, match=r"it has 0\. Nothing of it was looked at"):
        decoder.read(signal[:0])
    with pytest.raises(SignalError, match=r"shape \(any, 2, 16\); got \(6, 3, 16\)"):
        decoder.read(np.ones((6, 3, 16)))
    signal[1, 1, 3] = signal[3, 1, 0] = np.nan
    with pytest.raises(SignalError, match=r"channel\(s\) Pz in word\(s\) 2, 4 hold NaN"):
        decoder.read(signal[:5])
    with pytest.raises(SettingsError, match="generates up to 7 tokens; 8 were asked for"):
        decoder.read(signal[:1], generation=Generation(max_tokens=8))


def test_features_that_are_nan_are_named_by_their_word(make: Callable[..., Bundle]) -> None:
    signal = np.ones((3, 8), np.float32)
    signal[2, 5] = np.inf
    with pytest.raises(SignalError, match=r"word\(s\) 3 hold NaN or infinity. Leave the sentence out"):
        TextDecoder.open(make("word-features"), "cpu").read(signal)


def test_waves_longer_than_a_sentence_and_with_nan_are_refused(make: Callable[..., Bundle]) -> None:
    decoder = TextDecoder.open(make("waves", sentence=SentenceSpec(word_cut=None, max_s=2.0)), "cpu")
    with pytest.raises(SignalError, match=r"must last up to 2 s; it lasts 2\.02 s"):
        decoder.read(np.ones((2, 129), np.float32))
    with pytest.raises(SignalError, match="must last up to 2 s; it lasts 0 s"):
        decoder.read(np.ones((2, 0), np.float32))
    with pytest.raises(SignalError, match=r"channel\(s\) Cz hold NaN"):
        decoder.read(np.array([[np.nan] * 128, [1.0] * 128]))


def test_a_sentence_that_the_graph_cannot_take_is_told_and_not_a_crash(
    make: Callable[..., Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = TextDecoder.open(make("waves"), "cpu")

    def refuse(graph: OnnxGraph, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        raise RuntimeError("Invalid input shape")

    monkeypatch.setattr(OnnxGraph, "run_all", refuse)
    with pytest.raises(SignalError, match=r"a sentence of 3 steps may be too short for it \(Invalid input shape\)"):
        decoder.read(np.ones((2, 3), np.float32))


def test_a_decoder_of_pictures_is_no_decoder_of_text(tmp_path: Path) -> None:
    with pytest.raises(BundleVersionError, match="must read text; it is of kind 'generator'"):
        TextDecoder.open(tiny_generator(tmp_path / "generator"), "cpu")


def _with(changed: Callable[[Tokenizer], None]) -> Callable[[Bundle], bytes]:
    def made(bundle: Bundle) -> bytes:
        tokenizer = Tokenizer.from_str(bundle.read("tokenizer.json").decode())
        changed(tokenizer)
        return tokenizer.to_str().encode()

    return made


def _swap_two(bundle: Bundle) -> bytes:
    text = bundle.read("tokenizer.json").decode()
    return text.replace('"dog"', '"x"').replace('"man"', '"dog"').replace('"x"', '"man"').encode()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda bundle: b"{}", "it cannot be used"),
        (_with(lambda tokenizer: tokenizer.add_tokens(["more"])), "it has 15 tokens"),
        (_swap_two, r"it turns 'the dog reads' into \[4, 9, 13\], not into \[4, 8, 13\]"),
        (
            _with(lambda tokenizer: setattr(tokenizer, "decoder", decoders.Fuse())),
            "turns these tokens back into 'thedogreads'",
        ),
    ],
)
def test_another_tokenizer_is_refused(make: Callable[..., Bundle], spoil: Callable[[Bundle], bytes], says: str) -> None:
    bundle = make()
    with pytest.raises(BundleCorruptError, match=f"the one its graphs were trained with.*{says}"):
        TextDecoder.open(_changed(bundle, tokenizer_json=spoil(bundle)), "cpu")


def test_special_tokens_must_be_special_and_in_the_vocabulary(make: Callable[..., Bundle]) -> None:
    bundle = make()
    for change, says in (({"stop": 5}, "are no special ones in it"), ({"first": 14}, "are not all among them")):
        with pytest.raises(BundleCorruptError, match=says):
            TextDecoder.open(_changed(bundle, {"tokens": bundle.manifest.tokens.model_copy(update=change)}), "cpu")


def _golden(bundle: Bundle, **changes: np.ndarray) -> bytes:
    return pack_arrays(**(bundle.golden() | {name.replace("__", "."): array for name, array in changes.items()}))


@pytest.mark.parametrize("output", ["encoder.embedding", "encoder.codes", "step.logits", "step.values"])
def test_each_output_of_both_graphs_is_compared_with_its_golden_one(make: Callable[..., Bundle], output: str) -> None:
    bundle = make()
    off = _golden(bundle, **{output: bundle.golden()[output] + 1})
    with pytest.raises(BundleCorruptError, match=r"must give its golden output.*it is off by up to 1"):
        TextDecoder.open(_changed(bundle, golden_npz=off), "cpu")


def test_another_text_than_the_golden_one_is_refused(make: Callable[..., Bundle]) -> None:
    bundle = make()
    with pytest.raises(BundleCorruptError, match=r"must read its golden sentence as the tokens \[0, 2\]; on CPU"):
        TextDecoder.open(_changed(bundle, golden_npz=_golden(bundle, tokens=np.array([0, 2]))), "cpu")


def test_other_filters_than_those_it_was_made_with_are_found(make: Callable[..., Bundle]) -> None:
    bundle = make()
    with pytest.raises(BundleCorruptError, match="must turn its golden raw signal into its golden window"):
        TextDecoder.open(_changed(bundle, golden_npz=_golden(bundle, raw=2 * bundle.golden()["raw"])), "cpu")


def test_a_manifest_that_cuts_other_windows_than_the_graph_reads_is_refused(make: Callable[..., Bundle]) -> None:
    bundle = make()
    longer = SentenceSpec(word_cut=TrialSpec(start_s=0.0, stop_s=0.5))
    with pytest.raises(BundleCorruptError, match=r"must read word-windows as its manifest preprocesses and cuts them"):
        TextDecoder.open(_changed(bundle, {"sentence": longer}), "cpu")


def test_a_manifest_without_a_tensor_is_refused(make: Callable[..., Bundle]) -> None:
    bundle = make()
    with pytest.raises(BundleCorruptError, match="must list the inputs and outputs signal, token, past_keys"):
        TextDecoder.open(_changed(bundle, {"inputs": bundle.manifest.inputs[:-1]}), "cpu")


def test_graphs_that_are_swapped_are_refused(make: Callable[..., Bundle]) -> None:
    bundle = make()
    swapped = replace(bundle, contents=dict(bundle.contents) | {"encoder.onnx": bundle.read("step.onnx")})
    with pytest.raises(BundleCorruptError, match="must have the inputs signal, as its manifest says; it has token"):
        TextDecoder.open(swapped, "cpu")

"""A trained reader, as evaluation wants it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import BartForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from bci_app.contract.manifest import Generation
from bci_app.contract.reading import Reads
from tests.training.text.readings import SENTENCES, known_readings
from training.evaluate.text_reading import TextReader
from training.text.examples import Examples
from training.text.networks import build_reader
from training.text.reader import TrainedTextReader
from training.text.stages import begin_codex
from training.text.tokens import ids_of
from training.text_recipe import TextRecipe

N = len(SENTENCES)


def _trained(
    recipe: TextRecipe,
    language: BartForConditionalGeneration,
    tokenizer: Tokenizer,
    reads: Reads = "word-features",
    **generation: float | int,
) -> TrainedTextReader:
    with torch.no_grad():
        language.final_logits_bias.normal_(0, 2)  # or every text would be empty
        language.final_logits_bias[0, :5] = -9
    readings = known_readings(reads)
    network = build_reader(recipe, readings, language, 0)
    begin_codex(network, Examples(readings, tokenizer, 64), recipe, 70)
    return TrainedTextReader(network, tokenizer, Generation(max_tokens=10, **generation), reads == "waves")


@pytest.mark.parametrize("reads", ["word-features", "waves"])
def test_company_and_order_change_nothing(
    reads: Reads, recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    reader: TextReader = _trained(recipe, language, tokenizer, reads)
    signals = [item.signal for item in known_readings(reads).items]
    together, codes, embedded = reader.generate(signals), reader.codes(signals), reader.embed_signals(signals)
    assert reader.n_codes == recipe.codex.n_codes
    assert reader.generate(signals[::-1])[::-1] == together
    for place in (0, 13, 26):
        assert reader.generate([signals[place]]) == [together[place]]
        np.testing.assert_array_equal(reader.codes([signals[place]])[0], codes[place])
        np.testing.assert_allclose(reader.embed_signals([signals[place]])[0], embedded[place], atol=1e-5)
    steps = [-(-signal.shape[1] // 16) if reads == "waves" else len(signal) for signal in signals]
    assert [len(row) for row in codes] == steps
    assert reader.generate([]) == []


def test_greedy_takes_the_most_probable_token_after_those_it_wrote(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    reader = _trained(recipe, language, tokenizer)
    (signal,) = [item.signal for item in known_readings().items][3:4]
    states, _, _ = reader.network.states(torch.from_numpy(signal)[None])
    written = [2, 0]
    with torch.no_grad():
        while len(written) < 11 and written[-1] != 2:
            encoded = BaseModelOutput(last_hidden_state=states)
            logits = reader.network.language(encoder_outputs=encoded, decoder_input_ids=torch.tensor([written])).logits
            written.append(int(logits[0, -1].argmax()))
    assert reader.generate([signal]) == [tokenizer.decode(written).strip()]


def test_beams_find_what_is_no_less_probable(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    greedy = _trained(recipe, language, tokenizer)
    signals = [item.signal for item in known_readings().items][:4]
    beams = TrainedTextReader(
        greedy.network, tokenizer, Generation(max_tokens=10, n_beams=4, length_penalty=0.0), False
    )
    assert len(beams.generate(signals)) == 4
    assert beams.generate(signals) == beams.generate(signals)


def test_sentences_and_texts_have_embeddings_of_their_own(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    reader = _trained(recipe, language, tokenizer)
    embedded = reader.embed_sentences(SENTENCES)
    assert embedded.shape == (N, recipe.embedding_dim)
    np.testing.assert_allclose(reader.embed_sentences([SENTENCES[5]])[0], embedded[5], atol=1e-5)
    vectors = reader.word_vectors(["Rome left Anna", "", "Anna"])
    table = reader.network.language.get_input_embeddings().weight.detach().numpy()
    for vector, text in zip(vectors, ("Rome left Anna", None, "Anna"), strict=True):
        wanted = table[ids_of(tokenizer, [text])[0]].mean(axis=0) if text else np.zeros(16)
        np.testing.assert_allclose(vector, wanted, atol=1e-6)


def test_teacher_forcing_gives_the_best_token_at_each_true_place(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    reader = _trained(recipe, language, tokenizer)
    items = known_readings().items[:3]
    forced = reader.teacher_forced([item.signal for item in items], [item.sentence for item in items])
    for item, text in zip(items, forced, strict=True):
        (ids,) = ids_of(tokenizer, [item.sentence])
        states, _, _ = reader.network.states(torch.from_numpy(item.signal)[None])
        encoded = BaseModelOutput(last_hidden_state=states)
        logits = reader.network.language(encoder_outputs=encoded, decoder_input_ids=torch.tensor([[2, 0, *ids]])).logits
        assert text == tokenizer.decode(logits[0].argmax(dim=1).tolist()).strip()


def test_what_the_language_model_says_alone_is_drawn_by_its_seed(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    reader = _trained(recipe, language, tokenizer)
    texts = reader.language_alone(70, 1)
    assert texts == reader.language_alone(70, 1)
    assert texts != reader.language_alone(70, 2)
    assert len(texts) == 70
    assert len(set(texts)) > 60

"""Words in waves: every way to lay them over the steps counts, and they begin from equal shares."""

from __future__ import annotations

import itertools

import pytest
import torch

from training.text.examples import ABSENT
from training.text.order import evenly, in_order, log_chances

N_FORMS = 2


def _found(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, N_FORMS + 1, generator=torch.Generator().manual_seed(0)).log_softmax(dim=-1)


def _told(path: tuple[int, ...]) -> list[int]:
    """What steps tell: a word that goes on is the same word, a word behind nothing is another."""
    return [form for form, _ in itertools.groupby(path) if form != N_FORMS]


@pytest.mark.parametrize("words", [[0], [0, 1], [1, 1]])
def test_words_in_their_order_are_as_probable_as_all_ways_to_tell_them(words: list[int]) -> None:
    n_steps = 4
    found = _found(2, n_steps + 2)
    ways = [
        found[0, torch.arange(n_steps), list(path)].sum()
        for path in itertools.product(range(N_FORMS + 1), repeat=n_steps)
        if _told(path) == words
    ]
    other = found[1, : len(words) + 1]
    forms = torch.tensor([[*words, ABSENT], [ABSENT] * (len(words) + 1)])  # of the other no word is known: all blank
    wanted = -(torch.stack(ways).logsumexp(dim=0) + other[:, N_FORMS].sum()) / len(words)
    torch.testing.assert_close(in_order(found, torch.tensor([n_steps, len(words) + 1]), forms), wanted)


def test_a_sentence_with_more_words_than_steps_costs_nothing_and_moves_nothing() -> None:
    found = _found(1, 2).requires_grad_()
    cost = in_order(found, torch.tensor([2]), torch.tensor([[0, 1, 0]]))
    cost.backward()  # type: ignore[no-untyped-call]
    assert float(cost.detach()) == 0.0
    assert found.grad is not None
    assert not found.grad.any()


def test_words_stand_in_the_middle_of_equal_shares_and_nothing_where_they_begin() -> None:
    found = torch.full((2, 12, N_FORMS + 1), -7.0)
    for row, n_steps, words in ((0, 12, (1, 0, 1)), (1, 8, (0, 1))):
        for place, form in enumerate(words):
            found[row, n_steps * (2 * place + 1) // (2 * len(words)), form] = -1.0
            found[row, n_steps * place // len(words), N_FORMS] = -2.0
    forms = torch.tensor([[1, 0, 1], [0, 1, ABSENT]])
    assert float(evenly(found, torch.tensor([12, 8]), forms)) == pytest.approx(1.0 + 2.0)
    unknown = torch.tensor([[1, ABSENT, 1], [0, 1, ABSENT]])  # a word that was not learnt keeps its share
    assert float(evenly(found, torch.tensor([12, 8]), unknown)) == pytest.approx(1.0 + 2.0)
    none = torch.full((2, 3), ABSENT)
    assert float(evenly(found, torch.tensor([12, 8]), none)) == 0.0


def test_a_step_like_a_word_tells_it_whatever_its_length_and_chances_sum_to_one() -> None:
    rng = torch.Generator().manual_seed(1)
    shown, blank = 5.0 + torch.randn(6, 8, generator=rng), 5.0 + torch.randn(1, 8, generator=rng)
    common = shown.mean(dim=0)
    lengths = torch.tensor([0.1, 1.0, 3.0, 1.0, 2.0, 1.0, 0.5])[:, None]
    steps = common + lengths * (torch.cat((shown, blank)) - common)
    chances = log_chances(steps[None], shown, blank, torch.tensor(20.0))
    assert chances[0].argmax(dim=1).tolist() == list(range(7))
    torch.testing.assert_close(chances.exp().sum(dim=2), torch.ones(1, 7))

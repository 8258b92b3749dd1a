"""The codex: the library's codes, in products that leave as a graph."""

from __future__ import annotations

import pytest
import torch

from models.text.codex import Codex

WIDTH, N_CODES = 6, 32


@pytest.fixture
def codex() -> Codex:
    torch.manual_seed(0)
    made = Codex(WIDTH, 12, N_CODES, 4, revive_below=0.01)
    made.begin(torch.randn(300, WIDTH), 40)
    return made


def test_outside_training_it_gives_what_the_library_gives_to_the_bit(codex: Codex) -> None:
    codex.train()
    for _ in range(20):
        codex(torch.randn(4, 10, WIDTH))
    codex.eval()
    vectors = torch.randn(50, 20, WIDTH)
    quantised, codes = codex(vectors)
    theirs, their_codes, _ = codex.quantise(codex.enter(vectors))
    assert torch.equal(codes, their_codes)
    assert torch.equal(quantised, codex.leave(theirs))


def test_the_nearest_code_is_the_nearest(codex: Codex) -> None:
    entered = torch.randn(3, 7, 4)
    far = (entered[:, :, None] - codex.book).square().sum(dim=3)
    assert torch.equal(codex.nearest(entered), far.argmin(dim=2))


def test_the_gradient_passes_straight_through(codex: Codex) -> None:
    codex.train()
    vectors = torch.randn(2, 5, WIDTH, requires_grad=True)
    quantised, _, commitment = codex.read(vectors)
    weights = torch.randn_like(quantised)
    (gradient,) = torch.autograd.grad((quantised * weights).sum(), vectors)
    torch.testing.assert_close(gradient, weights @ codex.leave.weight @ codex.enter.weight)
    assert float(commitment.detach()) > 0


def test_what_is_not_there_changes_no_code_and_costs_nothing(codex: Codex) -> None:
    mask = torch.tensor([[True, True, False], [True, False, False]])
    vectors, states = torch.randn(2, 3, WIDTH), {key: value.clone() for key, value in codex.state_dict().items()}
    outcomes = []
    for filling in (0.0, 1e6):
        codex.load_state_dict(states)
        codex.train()
        torch.manual_seed(1)
        quantised, codes, loss = codex.read(vectors.masked_fill(~mask[..., None], filling), mask)
        outcomes.append((quantised[mask], codes[mask], loss, codex.book.clone()))
    assert all(torch.equal(one, other) for one, other in zip(*outcomes, strict=True))


def test_codes_that_stand_for_nothing_come_back_to_where_vectors_are() -> None:
    torch.manual_seed(0)
    codex = Codex(WIDTH, 12, N_CODES, 4, decay=0.8, revive_below=0.01)
    codex.begin(torch.randn(300, WIDTH), 40)
    with torch.no_grad():
        codex.quantise._codebook.embed[0, : N_CODES // 2] = 1e4  # nothing is ever near them
        codex.quantise._codebook.embed_avg[0, : N_CODES // 2] = 1e4
        codex.quantise._codebook.cluster_size[0, : N_CODES // 2] = 1.0
    codex.train()
    for _ in range(40):  # 0.8^40 is far below a hundredth
        codex(torch.randn(4, 10, WIDTH))
    assert float(codex.book.abs().max()) < 10


def test_codes_begin_as_the_means_of_what_they_stand_for() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(8, WIDTH).mul(10).repeat_interleave(50, dim=0) + 0.01 * torch.randn(400, WIDTH)
    codex = Codex(WIDTH, WIDTH, 4)
    codex.begin(vectors, 40)
    entered = codex.enter(vectors)
    codes = codex.nearest(entered[None])[0]
    means = torch.stack([entered[codes == number].mean(dim=0) for number in range(4)])
    torch.testing.assert_close(codex.book, means, atol=1e-3, rtol=1e-3)
    assert float(codex.quantise._codebook.cluster_size.sum()) == pytest.approx(40.0)
    with pytest.raises(ValueError, match="4 codes begin from at least as many vectors; got 3"):
        codex.begin(torch.randn(3, WIDTH), 4)

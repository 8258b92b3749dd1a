"""Each warning is said for its reason, once, and not without it; what is measured is what it is called."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data.images import Images, to_images, to_tensor
from training.gan.networks import Networks
from training.gan.watch import GRID, PATIENCE, Watch, sample_distance, view

Facts = dict[str, float]
COLLAPSE, CODES, VANISHING, DIVERGING = "Mode collapse?", "The codes collapse", "Vanishing gradients", "not converge"
MISSING = "Kinds missing?"
CPU = torch.device("cpu")
SURE = {"accuracy_real": 1.0, "accuracy_made": 0.995}


def _heard(looks: list[Facts]) -> list[list[str]]:
    """The warnings of each look, by their first words."""
    watch, known = Watch(), (COLLAPSE, MISSING, CODES, VANISHING, DIVERGING)
    said = [watch.look(facts) for facts in looks]
    return [[name for text in each for name in known if name in text] for each in said]


@pytest.mark.parametrize(("key", "low", "high", "warning"), [
    ("diversity", 0.49, 0.51, COLLAPSE), ("code_spread", 0.04, 0.06, CODES), ("coverage", 0.79, 0.81, MISSING),
])  # fmt: skip
def test_a_collapse_is_one_that_follows_width_or_that_lasts(key: str, low: float, high: float, warning: str) -> None:
    def heard(*values: float) -> list[list[str]]:
        return _heard([{key: value, "coverage_real": 1.0} for value in values])

    assert heard(high, high, high, high) == [[]] * 4
    assert heard(low, low, high, high) == [[]] * 4, "untrained networks are narrow"
    assert heard(high, low) == [[], [warning]]
    assert heard(low, low, low) == [[], [], [warning]], "narrow at the third look still"
    assert heard(high, low, low, low) == [[], [warning], [], []], "said once"
    assert heard(high, low, high, low) == [[], [warning], [], [warning]], "and again when it comes back"


def test_vanishing_needs_a_sure_discriminator_and_a_faint_gradient_together() -> None:
    strong, faint = {"generator_gradient": 10.0}, {"generator_gradient": 0.05}
    unsure = {"accuracy_real": 1.0, "accuracy_made": 0.9}
    assert _heard([strong | SURE, faint | SURE, faint | SURE]) == [[], [VANISHING], []]
    assert _heard([strong | SURE, faint | unsure]) == [[], []]
    assert _heard([strong | SURE, {"generator_gradient": 0.2} | SURE]) == [[], []]
    assert _heard([faint | SURE]) == [[]], "faint beside nothing larger"


def test_falling_back_must_last() -> None:
    best, back = {"distance": 1.0}, {"distance": 2.5}
    assert _heard([best, *[back] * PATIENCE, back]) == [[]] * PATIENCE + [[DIVERGING], []]
    assert _heard([best, back, back, {"distance": 1.9}, back, back]) == [[]] * 6
    assert _heard([{"distance": 3.0}, {"distance": 2.0}, best]) == [[]] * 3


def test_a_resumed_run_remembers_its_best_distance() -> None:
    watch = Watch(best_distance=1.0)
    said = [watch.look({"distance": 5.0}) for _ in range(PATIENCE)]
    assert [bool(each) for each in said] == [False] * (PATIENCE - 1) + [True]
    assert "5.0 times the best" in said[-1][0]


def test_facts_of_the_log_do_not_take_back_what_a_look_found() -> None:
    watch = Watch()
    looks = [{"diversity": 0.9}, {"diversity": 0.1}, {"generator": 1.0}, {"diversity": 0.1}]
    assert [len(watch.look(facts)) for facts in looks] == [0, 1, 0, 0]


class _Shows(nn.Module):
    """Gives pictures of its own, whatever the latent."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.image, self.place = image, 0

    def forward(self, latent: Tensor) -> Tensor:
        self.place += len(latent)
        return self.image[self.place - len(latent) : self.place]


class _Codes(nn.Module):
    """Two pixels as the mean of a picture."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.gain * image[:, 0, 8:10, 8]
        return mean, torch.ones_like(mean)


def _facts(made: Tensor, real: Images, encoder: Callable[[Tensor], object] | None = None) -> Facts:
    return view(Networks(_Shows(made), nn.Identity(), encoder), real, len(made), 2, CPU).facts  # type: ignore[arg-type]


def test_diversity_and_distance_are_those_of_the_pictures(images: Images) -> None:
    real = to_tensor(images)
    same = _facts(real, images)
    assert same["diversity"] == pytest.approx(1.0, abs=1e-4)
    assert same["distance"] == pytest.approx(0.0, abs=1e-3)
    one = _facts(real[:1].expand(len(real), -1, -1, -1), images)
    assert one["diversity"] == pytest.approx(0.0, abs=1e-3)
    assert one["distance"] > 1.0
    middle = real.mean(dim=0)
    narrow = _facts(middle + 0.5 * (real - middle), images)
    assert narrow["diversity"] == pytest.approx(0.5, abs=1e-3)
    shifted = _facts(real + 0.1, images)  # moves all 192 block means and no difference
    block_means = real.unflatten(2, (8, 4)).unflatten(4, (8, 4)).mean(dim=(3, 5))
    wanted = 0.5 * 0.1**2 * 192 / float(block_means.flatten(1).var(dim=0, correction=0).sum())
    assert shifted["distance"] == pytest.approx(wanted, rel=0.01)


def test_the_distance_sees_detail_that_block_means_do_not(images: Images) -> None:
    """Pictures replaced by their own block averages have the same averages at 8 x 8 and below."""
    real = to_tensor(images)
    blurred = functional.interpolate(functional.avg_pool2d(real, 4), scale_factor=4)
    torch.testing.assert_close(functional.avg_pool2d(blurred, 4), functional.avg_pool2d(real, 4))
    distances = [sample_distance(each, real) for each in (real, real + 0.01 * torch.randn_like(real), blurred)]
    assert distances == sorted(distances)
    assert distances[2] > 5 * distances[1]
    assert sample_distance(blurred, real) == distances[2]


def test_an_encoder_that_reads_nothing_is_worse_by_the_error_of_its_reconstructions(images: Images) -> None:
    real = to_tensor(images)

    class _Place(nn.Module):
        def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
            mean = torch.arange(len(image), dtype=torch.float32)[:, None].expand(-1, 2)
            return mean, mean

    class _Kept(nn.Module):
        """Draws the picture at the place that its code names; drawn latents go round."""

        def __init__(self, shift: int) -> None:
            super().__init__()
            self.shift = shift

        def forward(self, latent: Tensor) -> Tensor:
            exact = latent[:, 0] == latent[:, 0].round()
            own = latent[:, 0].long() + self.shift
            return real[torch.where(exact, own, torch.arange(len(latent))) % len(real)]

    right, wrong = (view(Networks(_Kept(by), nn.Identity(), _Place()), images, 60, 2, CPU).facts for by in (0, 7))
    assert right["reconstruction"] == pytest.approx(0.0, abs=1e-9)
    error = (real.roll(-7, dims=0) - real).numpy() ** 2
    assert wrong["reconstruction"] == pytest.approx(error.mean() / real.numpy().var(axis=0).mean(), rel=1e-5)
    assert wrong["distance"] - right["distance"] == pytest.approx(wrong["reconstruction"], rel=1e-5)


def _kinds(n: int, n_kinds: int, seed: int) -> Images:
    """Grey pictures like digits: each kind is a few strokes of its own, moved a little and of its own weight."""
    strokes = np.random.default_rng(0).integers(4, 20, (10, 6, 2))
    rng = np.random.default_rng(seed)
    images = np.zeros((n, 32, 32, 1), np.uint8)
    for image, kind, (down, right) in zip(
        images, rng.integers(0, n_kinds, n), rng.integers(-2, 3, (n, 2)), strict=True
    ):
        for row, column in strokes[kind] + (down, right):
            image[row : row + 6, column : column + 4] = rng.integers(150, 256)
    return images


def test_kinds_that_are_never_drawn_are_missed_though_samples_differ() -> None:
    real = _kinds(400, 10, 1)
    fresh, half = (to_tensor(_kinds(400, n_kinds, 2)) for n_kinds in (10, 5))
    heard = []
    for made in (fresh, half):
        facts = _facts(made, real)
        assert facts["diversity"] > 0.8, "which sees nothing of this"
        heard.append(_heard([facts] * PATIENCE)[-1])
    assert heard == [[], [MISSING]]


def test_code_spread_is_the_variance_of_the_encoders_means(images: Images) -> None:
    class _Noise(nn.Module):
        def forward(self, latent: Tensor) -> Tensor:
            return torch.rand(len(latent), 3, 32, 32) * 2 - 1

    network = Networks(_Noise(), nn.Identity(), _Codes(3.0))
    wanted = (3.0 * to_tensor(images)[:, 0, 8:10, 8]).numpy().var(axis=0, ddof=1).mean()
    assert view(network, images, 100, 2, CPU).facts["code_spread"] == pytest.approx(wanted, rel=1e-5)


def test_the_grid_shows_samples_and_pictures_above_their_reconstructions(images: Images) -> None:
    class _Mean(nn.Module):
        def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
            return image.mean(dim=(2, 3)), image.mean(dim=(2, 3))

    class _Flat(nn.Module):
        def forward(self, latent: Tensor) -> Tensor:
            return latent[:, :, None, None].expand(-1, -1, 32, 32).clamp(-1, 1)

    seen = view(Networks(_Flat(), nn.Identity(), _Mean()), images, 200, 3, CPU)
    rows = seen.grid
    assert [row.shape for row in rows] == [(2 * GRID, 32, 32, 3)] * (GRID + 4)
    shown, rebuilt = rows[GRID], rows[GRID + 1]
    np.testing.assert_array_equal(shown, images[: 2 * GRID])
    wanted = to_images(to_tensor(images[: 2 * GRID]).mean(dim=(2, 3), keepdim=True).expand(-1, -1, 32, 32))
    np.testing.assert_array_equal(rebuilt, wanted)


def test_the_same_latent_is_looked_at_every_time(images: Images) -> None:
    given: list[Tensor] = []

    class _Keeps(nn.Module):
        def forward(self, latent: Tensor) -> Tensor:
            given.append(latent)
            return latent[:, :3, None, None].expand(-1, -1, 32, 32)

    for _ in range(2):
        torch.rand(3)
        view(Networks(_Keeps(), nn.Identity(), None), images, 20, 4, CPU)
    assert torch.equal(given[0], given[1])


def test_samples_that_are_not_finite_have_no_finite_distance_and_do_not_end_the_process(images: Images) -> None:
    broken = to_tensor(images).clone()
    broken[0] = float("nan")
    assert not np.isfinite(list(_facts(broken, images).values())).any()

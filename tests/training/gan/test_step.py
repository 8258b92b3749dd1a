"""One training step: each trick does what it claims, counted or compared with its formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import SGD, Adam

from models.gan.bigbigan import BigEncoder, ImageTrunk, JointDiscriminator
from models.gan.blocks import remove_spectral_norm
from models.gan.dcgan import DcganDiscriminator
from training.augment import augment
from training.data.images import Images, to_tensor
from training.gan import step
from training.gan.batches import Batch, batches
from training.gan.networks import Networks, optimisers
from training.gan.step import Facts, GanState, train_step
from training.gan_recipe import GanRecipe
from training.losses import orthogonal_penalty

RecipeOf = Callable[..., GanRecipe]
Begin = Callable[[GanRecipe], GanState]
PLAIN = ("weights.spectral_norm=[]", "weights.initialisation=orthogonal")
KINDS = ("dcgan", "bigbigan")


class _Encoder(nn.Module):
    """A BigBiGAN's, without batch statistics."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.body = BigEncoder(dim, ImageTrunk(32, 3, (4, 4, 4, 4), batch_norm=False))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = self.body(image)
        return mean, std


def _without_batch_statistics(recipe: GanRecipe) -> GanState:
    """A state whose networks treat each picture by itself."""
    torch.manual_seed(1)
    dim = recipe.network.latent_dim
    generator = nn.Sequential(nn.Linear(dim, 3 * 32 * 32), nn.Tanh(), nn.Unflatten(1, (3, 32, 32)))
    discriminator: nn.Module = DcganDiscriminator(32, 3, 2, batch_norm=False)
    encoder = None
    if recipe.network.kind == "bigbigan":
        discriminator = JointDiscriminator(dim, ImageTrunk(32, 3, (4, 4, 4, 4), batch_norm=False), 8, 1)
        encoder = _Encoder(dim)
    networks = Networks(generator, discriminator, encoder)
    return GanState(networks, networks.copy(), optimisers(networks, recipe))


def _gradients(state: GanState, side: str) -> dict[str, list[Tensor]]:
    """Filled with the gradients of every update of the discriminator or of the generator's side."""
    named = [
        (f"{part}.{name}", weight)
        for part, network in state.networks.parts().items()
        for name, weight in network.named_parameters()
    ]
    found: dict[str, list[Tensor]] = {}

    def keep(optimiser: object, *rest: object) -> None:
        learnt = {id(weight) for group in state.optimisers[side].param_groups for weight in group["params"]}
        for name, weight in named:
            if id(weight) in learnt:
                gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad.clone()
                found.setdefault(name, []).append(gradient)

    state.optimisers[side].register_step_pre_hook(keep)
    return found


@contextmanager
def _inputs(network: nn.Module) -> Iterator[list[Tensor]]:
    """The pictures or latents that go into a network, as constants, in order."""
    seen: list[Tensor] = []
    hook = network.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().clone()))
    yield seen
    hook.remove()


def _steps(state: GanState, n: int, images: Images, recipe: GanRecipe, fabric: Fabric) -> list[Facts]:
    return [train_step(state, images, recipe, fabric) for _ in range(n)]


# How often which part learns, and on what


@pytest.mark.parametrize("reuse", [True, False])
def test_the_discriminator_learns_as_often_as_told_and_never_twice_on_a_batch(
    reuse: bool, recipe_of: RecipeOf, start: Begin, images: Images, fabric: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of("dcgan", "updates.discriminator_steps=3", f"updates.reuse_fakes={reuse}")
    state, used = start(recipe), []
    updates = {side: _gradients(state, side) for side in state.optimisers}

    def noted(images: Images, number: int, *rest: object) -> Iterator[Batch]:
        used.append((number, next(batches(images, number, *rest)).latent))  # type: ignore[arg-type]
        return batches(images, number, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(step, "batches", noted)
    _steps(state, 2, images, recipe, fabric)
    assert [len(next(iter(each.values()))) for each in updates.values()] == [6, 2]
    assert [number for number, _ in used] == list(range(6 if reuse else 8))
    assert len({float(latent[0, 0]) for _, latent in used}) == len(used)


@pytest.mark.parametrize(("reuse", "accumulation", "n_forward"), [(True, 1, 1), (False, 1, 2), (True, 2, 4)])
def test_reused_fakes_save_a_pass_of_the_generator_where_the_batch_is_whole(
    reuse: bool, accumulation: int, n_forward: int,
    recipe_of: RecipeOf, start: Begin, images: Images, fabric: Fabric,
) -> None:  # fmt: skip
    recipe = recipe_of("dcgan", f"updates.reuse_fakes={reuse}", f"updates.accumulation={accumulation}")
    state = start(recipe)
    with _inputs(state.networks.generator) as made_from, _inputs(state.networks.discriminator) as judged:
        train_step(state, images, recipe, fabric)
    assert len(made_from) == n_forward
    assert len(judged) == 3 * accumulation, "real and made apart, and made once more for the generator"
    if accumulation == 1:
        assert torch.equal(judged[1], judged[2]) == reuse


def test_the_two_sides_have_batch_statistics_of_their_own_in_a_dcgan_and_none_in_a_bigbigan(
    recipe_of: RecipeOf, start: Begin, images: Images, fabric: Fabric
) -> None:
    for kind, sizes in (("dcgan", [8, 8, 8]), ("bigbigan", [16, 16])):
        recipe = recipe_of(kind)
        state = start(recipe)
        with _inputs(state.networks.discriminator) as judged:
            train_step(state, images, recipe, fabric)
        assert [len(each) for each in judged] == sizes


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_cut_into_parts_teaches_what_the_whole_batch_does(
    kind: str, recipe_of: RecipeOf, images: Images, fabric: Fabric
) -> None:
    more = ["loss.cycle_image=1", "loss.cycle_latent=1"] if kind == "bigbigan" else []
    found = []
    for parts in (1, 4):
        recipe = recipe_of(
            kind, f"updates.accumulation={parts}", "loss.r1=1", "loss.r1_every=1", "weights.orthogonal_penalty=0.1",
            "augment.kinds=[colour, translation, cutout]", "pictures.flip=true", "loss.adversarial=logistic", *more,
        )  # fmt: skip
        state = _without_batch_statistics(recipe)
        for name, optimiser in state.optimisers.items():  # its steps are as large as the gradient, rounding included
            weights = [weight for group in optimiser.param_groups for weight in group["params"]]
            state.optimisers[name] = SGD([{"params": weights, "initial_lr": 0.02}], lr=0.02)  # type: ignore[assignment]
        before = state.networks.copy()
        _steps(state, 2, images, recipe, fabric)
        found.append({name: network.state_dict() for name, network in state.networks.parts().items()})
    whole, in_parts = found
    for name, weights in whole.items():
        for key, value in weights.items():
            torch.testing.assert_close(in_parts[name][key], value, atol=2e-6, rtol=1e-4)
            assert not torch.equal(value, before.parts()[name].state_dict()[key]), f"{name}.{key} has not moved"


def test_each_part_moves_at_its_own_rate(recipe_of: RecipeOf, start: Begin, images: Images, fabric: Fabric) -> None:
    rates = {"generator": 1e-3, "encoder": 4e-3, "discriminator": 2e-3}
    recipe = recipe_of("bigbigan", *PLAIN, *(f"updates.{name}_rate={rate}" for name, rate in rates.items()))
    state = start(recipe)
    before = state.networks.copy()
    train_step(state, images, recipe, fabric)
    for name, network in state.networks.parts().items():
        pairs = zip(network.parameters(), before.parts()[name].parameters(), strict=True)
        largest = max(float((new - old).detach().abs().max()) for new, old in pairs)
        assert largest == pytest.approx(rates[name], rel=1e-3), "the first step of Adam is the rate itself"
    groups = state.optimisers["generator"].param_groups
    assert [group["lr"] for group in groups] == [rates["generator"], rates["encoder"]]


# What is minimised


def test_a_dcgan_learns_as_in_the_published_loop(
    recipe_of: RecipeOf, start: Begin, images: Images, fabric: Fabric
) -> None:
    recipe = recipe_of("dcgan")
    state = start(recipe)
    G, D = (state.networks.copy().parts()[name] for name in ("generator", "discriminator"))
    learnt = {side: _gradients(state, side) for side in state.optimisers}
    (batch,) = batches(images, 0, recipe, fabric)
    train_step(state, images, recipe, fabric)

    entropy, rates = nn.BCELoss(), {"lr": 2e-4, "betas": (0.5, 0.999)}
    adam = Adam(D.parameters(), **rates)  # type: ignore[arg-type]
    fake = G(batch.latent)
    entropy(D(batch.image).sigmoid(), torch.ones(8)).backward()
    entropy(D(fake.detach()).sigmoid(), torch.zeros(8)).backward()
    wanted = {f"discriminator.{name}": weight.grad.clone() for name, weight in D.named_parameters()}  # type: ignore[union-attr]
    adam.step()
    entropy(D(fake).sigmoid(), torch.ones(8)).backward()
    wanted |= {f"generator.{name}": weight.grad.clone() for name, weight in G.named_parameters()}  # type: ignore[union-attr]
    for name, gradient in wanted.items():
        found = learnt[name.split(".")[0]][name]
        assert len(found) == 1
        torch.testing.assert_close(found[0], gradient, atol=1e-5 * float(gradient.abs().max()), rtol=1e-3)


@pytest.mark.parametrize("adversarial", ["hinge", "logistic"])
def test_a_bigbigan_minimises_the_published_losses_and_each_part_learns_from_its_own_side(
    adversarial: str, recipe_of: RecipeOf, images: Images, fabric: Fabric
) -> None:
    recipe = recipe_of("bigbigan", f"loss.adversarial={adversarial}", "updates.discriminator_rate=1e-30",
                       "updates.reuse_fakes=true")  # fmt: skip
    state = _without_batch_statistics(recipe)
    G, E, D = (state.networks.copy().parts()[name] for name in ("generator", "encoder", "discriminator"))
    (batch,) = batches(images, 0, recipe, fabric)
    learnt = _gradients(state, "generator")
    facts = train_step(state, images, recipe, fabric)
    mean, std = E(batch.image)
    real, made = D(batch.image, mean + std * batch.noise), D(G(batch.latent), batch.latent)
    if adversarial == "hinge":
        wanted = [(1 - real).clamp(min=0).mean() + (1 + made).clamp(min=0).mean(), real.mean(), -made.mean()]
    else:
        wanted = [(1 + (-real).exp()).log().mean() + (1 + made.exp()).log().mean(),
                  (1 + real.exp()).log().mean(), (1 + (-made).exp()).log().mean()]  # fmt: skip
    torch.testing.assert_close(facts["discriminator"], wanted[0].detach())
    torch.testing.assert_close(facts["generator"], (wanted[1] + wanted[2]).detach())
    for part, network, loss in (("encoder", E, wanted[1]), ("generator", G, wanted[2])):
        names, weights = zip(*network.named_parameters(), strict=True)
        for name, gradient in zip(names, torch.autograd.grad(loss, weights), strict=True):
            torch.testing.assert_close(learnt[f"{part}.{name}"][0], gradient, atol=1e-6, rtol=1e-4)
    norm = np.sqrt(sum(float(each[0].square().sum()) for each in learnt.values()))
    assert float(facts["generator_gradient"]) == pytest.approx(norm, rel=1e-5)
    assert float(facts["accuracy_real"]) == pytest.approx(float((real > 0).float().mean()))
    assert float(facts["encoder_std"]) == pytest.approx(float(std.detach().mean()), rel=1e-5)


def test_cycle_losses_are_absent_unless_asked_for_and_bring_pictures_and_codes_back(
    recipe_of: RecipeOf, images: Images, fabric: Fabric
) -> None:
    latent, image = torch.randn(64, 12), to_tensor(images)

    @torch.no_grad()
    def errors(networks: Networks) -> list[float]:
        G, E = networks.generator, networks.encoder
        assert E is not None
        return [float((G(E(image)[0]) - image).square().mean()), float((E(G(latent))[0] - latent).square().mean())]

    more = ["loss.adversarial=logistic", "updates.generator_rate=0.01", "updates.encoder_rate=0.01"]
    found = {}
    for weight in (0, 20):
        recipe = recipe_of("bigbigan", *more, f"loss.cycle_image={weight}", f"loss.cycle_latent={weight}")
        state = _without_batch_statistics(recipe)
        before = errors(state.networks)
        facts = _steps(state, 20, images, recipe, fabric)
        assert [name in facts[0] for name in ("cycle_image", "cycle_latent")] == [weight > 0] * 2
        found[weight] = np.array([before, errors(state.networks)])
    assert (found[20][1] < 0.6 * found[20][0]).all()
    assert (found[20][1] < 0.6 * found[0][1]).all()


# What holds the discriminator back


def test_the_gradient_penalty_comes_every_few_steps_with_as_many_times_its_weight(
    recipe_of: RecipeOf, images: Images, fabric: Fabric
) -> None:
    class Linear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3 * 32 * 32, 1)

        def forward(self, image: Tensor) -> Tensor:
            return self.layer(image.flatten(1)).flatten()  # type: ignore[no-any-return]

    recipe = recipe_of("dcgan", "loss.r1=0.5", "loss.r1_every=3")
    networks = Networks(_without_batch_statistics(recipe).networks.generator, Linear(), None)
    state = GanState(networks, networks.copy(), optimisers(networks, recipe))
    learnt, weights = _gradients(state, "discriminator"), []
    state.optimisers["discriminator"].register_step_pre_hook(
        lambda *_: weights.append(networks.discriminator.layer.weight.detach().clone())
    )
    facts = _steps(state, 7, images, recipe, fabric)
    assert ["r1" in each for each in facts] == [True, False, False] * 2 + [True]
    gradients = learnt["discriminator.layer.weight"]
    assert len(gradients) == 7 + 3
    for place, fact in zip((1, 5, 9), facts[::3], strict=True):  # the penalty is an update of its own, after the usual
        torch.testing.assert_close(gradients[place], 0.5 * 3 * weights[place])  # of |w|^2 / 2
        assert float(fact["r1"]) == pytest.approx(float(0.5 * weights[place].square().sum()), rel=1e-5)


def test_the_gradient_penalty_flattens_the_discriminator_at_real_pictures(
    recipe_of: RecipeOf, images: Images, fabric: Fabric
) -> None:
    steepness = {}
    for r1 in (0, 10):
        recipe = recipe_of("bigbigan", f"loss.r1={r1}", "loss.r1_every=2", "updates.discriminator_rate=0.02")
        state = _without_batch_statistics(recipe)
        _steps(state, 10, images, recipe, fabric)
        image = to_tensor(images).requires_grad_()
        score = state.networks.discriminator(image, torch.zeros(len(image), recipe.network.latent_dim))[:, [0, 2]]
        (gradient,) = torch.autograd.grad(score.sum(), image)
        steepness[r1] = float(gradient.flatten(1).norm(dim=1).mean())
    assert steepness[10] < 0.5 * steepness[0]


def test_spectral_norm_bounds_how_steep_the_discriminator_can_become(
    recipe_of: RecipeOf, start: Begin, images: Images, fabric: Fabric
) -> None:
    steepest = {}
    for parts in ("[]", "[discriminator]"):
        recipe = recipe_of("dcgan", f"weights.spectral_norm={parts}", "weights.initialisation=orthogonal",
                           "network.discriminator_batch_norm=false", "updates.discriminator_rate=0.1")  # fmt: skip
        state = start(recipe)
        _steps(state, 10, images, recipe, fabric)
        judge = state.networks.discriminator
        remove_spectral_norm(judge)
        image = torch.cat([to_tensor(images), torch.rand(200, 3, 32, 32) * 2 - 1]).requires_grad_()
        (gradient,) = torch.autograd.grad(judge(image).sum(), image)
        steepest[parts] = float(gradient.flatten(1).norm(dim=1).max())
    # each pixel lies under four kernels of three layers, under one of the last, and the rectifier is no steeper than 1
    bound = 2.0**3
    assert steepest["[discriminator]"] <= bound
    assert steepest["[]"] > 2 * bound


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_told_of_a_step_is_the_mean_over_parts_and_over_the_discriminators_updates(
    kind: str, recipe_of: RecipeOf, images: Images, fabric: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of(kind, *PLAIN, "updates.accumulation=2", "updates.discriminator_steps=2", "loss.r1=1")
    state, means = _without_batch_statistics(recipe), ("discriminator", "accuracy_real", "r1", "generator")
    seen: dict[str, list[float]] = {name: [] for name in means}

    def noting(name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def noted(*given: Tensor) -> Tensor:
            value = function(*given)
            seen[name].append(float(value.detach()))
            return value

        return noted

    logistic = recipe.loss.adversarial == "logistic"
    for name, function in (
        ("discriminator", "logistic_discriminator" if logistic else "hinge_discriminator"),
        ("generator", "logistic_generator" if logistic else "hinge_generator"),
        ("r1", "gradient_penalty"),
    ):
        monkeypatch.setattr(step, function, noting(name, getattr(step, function)))
    accuracies = step._accuracies

    def noted(real: Tensor, made: Tensor) -> Facts:
        found = accuracies(real, made)
        seen["accuracy_real"].append(float(found["accuracy_real"]))
        return found

    monkeypatch.setattr(step, "_accuracies", noted)
    facts = train_step(state, images, recipe, fabric)
    assert float(facts["discriminator"]) == pytest.approx(np.mean(seen["discriminator"]), rel=1e-5)
    assert float(facts["accuracy_real"]) == pytest.approx(np.mean(seen["accuracy_real"]), rel=1e-5)
    assert float(facts["r1"]) == pytest.approx(np.mean(seen["r1"]), rel=1e-5)
    if kind == "dcgan":
        assert float(facts["generator"]) == pytest.approx(np.mean(seen["generator"]), rel=1e-5)
    assert [len(seen[name]) for name in ("discriminator", "accuracy_real", "r1")] == [4, 4, 4]


# What is done to weights and pictures


def test_the_orthogonal_penalty_adds_its_gradient_to_the_generators_matrices_alone(
    recipe_of: RecipeOf, start: Begin, images: Images, fabric: Fabric
) -> None:
    learnt = {}
    for strength in (0.0, 0.3):
        recipe = recipe_of("bigbigan", "weights.spectral_norm=[]", "weights.initialisation=normal",
                           f"weights.orthogonal_penalty={strength}")  # fmt: skip
        state = start(recipe)
        weights = {name: value.detach().double() for name, value in state.networks.copy().generator.named_parameters()}
        learnt[strength] = _gradients(state, "generator")
        train_step(state, images, recipe, fabric)
    n_penalised = 0
    for name, (gradient,) in learnt[0.3].items():
        part, key = name.split(".", 1)
        wanted = torch.zeros_like(gradient)
        if part == "generator" and weights[key].ndim > 1 and ".gain." not in key and ".bias." not in key:
            rows = weights[key].flatten(1)
            overlap = rows @ rows.T * (1 - torch.eye(len(rows), dtype=torch.float64))
            wanted, n_penalised = (0.3 * 4 * overlap @ rows).view_as(wanted).float(), n_penalised + 1
        torch.testing.assert_close(gradient - learnt[0.0][name][0], wanted, atol=1e-5, rtol=1e-3)
    assert n_penalised == 11  # the stem, three times two convolutions and a shortcut, the head


def test_the_orthogonal_penalty_makes_the_rows_of_the_generator_overlap_less(
    recipe_of: RecipeOf, start: Begin, images: Images, fabric: Fabric
) -> None:
    overlaps = {}
    for strength in (0, 100):
        recipe = recipe_of("dcgan", f"weights.orthogonal_penalty={strength}", "updates.generator_rate=1e-3")
        state = start(recipe)
        _steps(state, 12, images, recipe, fabric)
        matrices = [weight.detach() for weight in state.networks.generator.parameters() if weight.ndim > 1]
        overlaps[strength] = sum(float(orthogonal_penalty(each)) for each in matrices)
    assert overlaps[100] < 0.5 * overlaps[0]


@pytest.mark.parametrize("kinds", ["[]", "[translation, cutout]", "[colour]"])
def test_the_discriminator_sees_real_and_made_pictures_augmented_in_both_steps(
    kinds: str, recipe_of: RecipeOf, start: Begin, images: Images, fabric: Fabric
) -> None:
    recipe = recipe_of("dcgan", f"augment.kinds={kinds}", "loss.r1=1")
    state = start(recipe)
    (batch,) = batches(images, 0, recipe, fabric)
    made: list[Tensor] = []
    state.networks.generator.register_forward_hook(lambda *each: made.append(each[-1].detach().clone()))
    with _inputs(state.networks.discriminator) as judged:
        train_step(state, images, recipe, fabric)
    chosen = recipe.augment.kinds
    real, fake = augment(batch.image, batch.draws[0], chosen), augment(made[0], batch.draws[1], chosen)
    for seen, wanted in zip(judged, (real, fake, real, fake), strict=True):
        torch.testing.assert_close(seen, wanted, atol=0, rtol=0)
    assert torch.equal(real, batch.image) == (kinds == "[]")

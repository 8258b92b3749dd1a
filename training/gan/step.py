"""One training step: some updates of the discriminator, then one of generator and encoder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Adam

from training.augment import augment
from training.data.images import Images
from training.gan.averaging import update_averages
from training.gan.batches import Batch, batches
from training.gan.networks import Networks, anneal
from training.gan_recipe import GanRecipe
from training.losses import (
    gradient_penalty,
    hinge_discriminator,
    hinge_generator,
    logistic_discriminator,
    logistic_generator,
    orthogonal_penalty,
    pixel_loss,
)
from training.processes import average

Facts = dict[str, Tensor]
"""Numbers of a step by name, still on the device."""


@dataclass(slots=True)
class GanState:
    """All that changes while training; a checkpoint of it is enough to go on to the bit."""

    networks: Networks
    averaged: Networks
    optimisers: dict[str, Adam]
    step: int = 0
    best: float = float("inf")
    """Least distance seen so far: that of samples (`training.gan.watch.DISTANCE`), with an encoder plus the error of its
    reconstructions (`RECONSTRUCTION`), both of the averaged networks and on validation pictures."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Pictures and latents of one batch part that belong together.

    Attributes
    ----------
    made : Tensor (b, channels, h, w)
        G(z).
    code : Tensor (b, latent_dim) or None
        A sample of E(x); None in a DCGAN, as the next two.
    mean, std : Tensor (b, latent_dim) or None
        The distribution it was drawn from.
    """

    made: Tensor
    code: Tensor | None = None
    mean: Tensor | None = None
    std: Tensor | None = None

    def detached(self) -> Pair:
        """The same values, of constants."""
        return Pair(*(None if each is None else each.detach() for each in (self.made, self.code, self.mean, self.std)))  # type: ignore[arg-type]


def train_step(state: GanState, images: Images, recipe: GanRecipe, fabric: Fabric) -> Facts:
    """Change the networks by one step of the recipe.

    Parameters
    ----------
    state : GanState
        Changed in place.
    images : uint8 array (n, h, w, channels)
        Training pictures.
    recipe : GanRecipe
        Which losses, how many updates.
    fabric : Fabric
        Device, precision and the other processes.

    Returns
    -------
    dict of str to Tensor ()
        Losses of both sides, accuracies of the discriminator, gradient norms; in a BigBiGAN also the spread of
        the codes and the width of the encoder's distributions. Means over parts, and over the discriminator's updates.
    """
    for network in state.networks.parts().values():
        network.train()
    anneal(state.optimisers, state.step, recipe.updates)
    updates, turns = recipe.updates, []
    per_step = updates.discriminator_steps + (not updates.reuse_fakes)
    for turn in range(updates.discriminator_steps):
        parts = list(batches(images, state.step * per_step + turn, recipe, fabric))
        keep = updates.reuse_fakes and turn == updates.discriminator_steps - 1
        pairs, facts = _discriminator_update(state, parts, keep, recipe, fabric)
        turns.append(facts)
    if not updates.reuse_fakes:
        parts = list(batches(images, state.step * per_step + per_step - 1, recipe, fabric))
        pairs = [None] * len(parts)
    facts = _means(turns) | _generator_update(state, parts, pairs, recipe, fabric)
    state.step += 1
    update_averages(state.averaged, state.networks, state.step, recipe.average)
    return facts


def _discriminator_update(
    state: GanState, parts: list[Batch], keep: bool, recipe: GanRecipe, fabric: Fabric
) -> tuple[list[Pair | None], Facts]:
    """One update; the pairs are returned with their graphs where the generator will learn on them."""
    networks, optimiser = state.networks, state.optimisers["discriminator"]
    optimiser.zero_grad(set_to_none=True)
    pairs: list[Pair | None] = []
    codes: list[Tensor | None] = []
    found: list[Facts] = []
    for batch in parts:
        with torch.set_grad_enabled(keep and len(parts) == 1), fabric.autocast():
            pair = make_pair(networks, batch)
        pairs.append(pair if keep and len(parts) == 1 else None)
        codes.append(pair.detached().code)
        with fabric.autocast():
            real, made = judge(networks, batch, pair.detached(), recipe)
        loss = _adversarial(recipe, real, made)
        fabric.backward(loss / len(parts))
        found.append({"discriminator": loss.detach(), **_accuracies(real, made)})
    facts = _means(found)
    facts["discriminator_gradient"] = _finish(optimiser, fabric)
    if recipe.loss.r1 and state.step % recipe.loss.r1_every == 0:
        facts["r1"] = _penalise_gradient(state, parts, codes, recipe, fabric)
    return pairs, facts


def _penalise_gradient(
    state: GanState, parts: list[Batch], codes: list[Tensor | None], recipe: GanRecipe, fabric: Fabric
) -> Tensor:
    """One more update of the discriminator, by R1 alone; in float32, second derivatives need it."""
    discriminator, optimiser = state.networks.discriminator, state.optimisers["discriminator"]
    optimiser.zero_grad(set_to_none=True)
    mean = parts[0].image.new_zeros(())
    for batch, code in zip(parts, codes, strict=True):
        image = batch.image.detach().requires_grad_()
        seen = augment(image, batch.draws[0], recipe.augment.kinds)
        # of the three scores, s_z does not see the picture
        score = discriminator(seen) if code is None else discriminator(seen, code.float())[:, [0, 2]]
        penalty = gradient_penalty(score, image) / len(parts)
        fabric.backward(recipe.loss.r1 * recipe.loss.r1_every * penalty)
        mean += penalty.detach()
    _finish(optimiser, fabric)
    return mean


def _generator_update(
    state: GanState, parts: list[Batch], pairs: list[Pair | None], recipe: GanRecipe, fabric: Fabric
) -> Facts:
    networks, optimiser = state.networks, state.optimisers["generator"]
    optimiser.zero_grad(set_to_none=True)
    found: list[Facts] = []
    with _frozen(networks.discriminator):
        for batch, kept in zip(parts, pairs, strict=True):
            with fabric.autocast():
                pair = kept or make_pair(networks, batch)
                real, made = judge(networks, batch, pair, recipe, needs_real=pair.code is not None)
            loss = logistic_generator(made) if recipe.loss.adversarial == "logistic" else hinge_generator(made)
            if (
                pair.code is not None
            ):  # E wants (x, E(x)) to be taken for a made pair: the mirror of the generator's loss
                loss = loss + (logistic_generator(-real) if recipe.loss.adversarial == "logistic" else real.mean())
            found.append({"generator": loss.detach(), **_code_facts(pair)})
            loss = loss + _cycle(networks, batch, pair, recipe, fabric, found[-1])
            fabric.backward(loss / len(parts))
    _penalise_overlap(networks.generator, recipe.weights.orthogonal_penalty)
    facts = _means(found)
    facts["generator_gradient"] = _finish(optimiser, fabric)
    return facts


def make_pair(networks: Networks, batch: Batch) -> Pair:
    """G(z), and a sample of E(x) where there is an encoder."""
    made = networks.generator(batch.latent)
    if networks.encoder is None:
        return Pair(made)
    mean, std = networks.encoder(batch.image)
    return Pair(made, mean + std * batch.noise, mean, std)


def judge(
    networks: Networks, batch: Batch, pair: Pair, recipe: GanRecipe, needs_real: bool = True
) -> tuple[Tensor, Tensor]:
    """Scores of the real and the made side, augmented alike; (b,) for a DCGAN, (b, 3) for a BigBiGAN.

    A DCGAN sees the two sides as separate batches, whose statistics differ; a BigBiGAN's discriminator has no batch
    statistics and judges both at once. Where `needs_real` is false the first is empty.
    """
    made = augment(pair.made, batch.draws[1], recipe.augment.kinds)
    if pair.code is None:
        real = (
            networks.discriminator(augment(batch.image, batch.draws[0], recipe.augment.kinds)) if needs_real else None
        )
        return made.new_zeros(0) if real is None else real, networks.discriminator(made)
    image = torch.cat([augment(batch.image, batch.draws[0], recipe.augment.kinds), made])
    latent = torch.cat([pair.code, batch.latent.to(pair.code.dtype)])
    scores = networks.discriminator(image.contiguous(memory_format=torch.channels_last), latent)
    real, made = scores.chunk(2)
    return real, made


def _adversarial(recipe: GanRecipe, real: Tensor, made: Tensor) -> Tensor:
    return (logistic_discriminator if recipe.loss.adversarial == "logistic" else hinge_discriminator)(real, made)


def _cycle(networks: Networks, batch: Batch, pair: Pair, recipe: GanRecipe, fabric: Fabric, facts: Facts) -> Tensor:
    """Weighted errors of the way there and back (Li et al. 2017, ALICE, section 3.2); facts are added."""
    loss, total = recipe.loss, batch.image.new_zeros(())
    if networks.encoder is None or pair.code is None:
        return total
    if loss.cycle_image:
        with fabric.autocast():
            rebuilt = networks.generator(pair.code)
        error = pixel_loss(rebuilt, batch.image)
        facts["cycle_image"] = error.detach()
        total = total + loss.cycle_image * error
    if loss.cycle_latent:
        with fabric.autocast():
            mean, _ = networks.encoder(pair.made)
        error = pixel_loss(mean, batch.latent)
        facts["cycle_latent"] = error.detach()
        total = total + loss.cycle_latent * error
    return total


def _penalise_overlap(network: nn.Module, strength: float) -> None:
    """Add the gradient of the orthogonal penalty of every weight matrix to what is there."""
    if not strength:
        return
    for name, weight in network.named_parameters():
        if weight.ndim > 1 and weight.grad is not None and "gain" not in name and "bias" not in name:
            with torch.enable_grad():
                copy = weight.detach().requires_grad_()
                (gradient,) = torch.autograd.grad(orthogonal_penalty(copy), copy)
            weight.grad.add_(gradient, alpha=strength)


def _finish(optimiser: Adam, fabric: Fabric) -> Tensor:
    """Average the gradients over all processes and step; returns their norm."""
    gradients = [
        weight.grad for group in optimiser.param_groups for weight in group["params"] if weight.grad is not None
    ]
    average(gradients, fabric)
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    optimiser.step()
    return norm


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """No gradients for the weights of a network that another one learns through: a third of its backward pass."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def _means(found: list[Facts]) -> Facts:
    """Of each number over equal parts or turns, all of which have it."""
    return {name: torch.stack([each[name] for each in found]).mean(dim=0) for name in found[0]}


def _accuracies(real: Tensor, made: Tensor) -> Facts:
    """Shares of scores on the right side of zero."""
    return {"accuracy_real": (real > 0).float().mean(), "accuracy_made": (made < 0).float().mean()}


def _code_facts(pair: Pair) -> Facts:
    if pair.mean is None or pair.std is None:
        return {}
    spread = pair.mean.detach().float().var(dim=0).mean()
    return {"code_variance": spread, "encoder_std": pair.std.detach().float().mean()}

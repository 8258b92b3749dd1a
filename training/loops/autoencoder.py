"""Training of the variational autoencoder: one step, the loop, and the state that a checkpoint holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from models.autoencoder import Encoder, Generator, LinearView, sample_posterior
from training.checkpoint import fitting, network_tensors, optimiser_tensors, put_network, put_optimiser
from training.data.images import Images, batch_indices, to_images, to_tensor
from training.losses import coarse_loss, edge_loss, pixel_loss, prior_divergence
from training.progress import training_progress
from training.run_folder import read_tensors, write_tensors
from training.settings import GeneratorRecipe, OptimiserSettings


@dataclass(slots=True)
class TrainingState:
    """All that changes while training; what `save` writes is enough to go on to the bit."""

    encoder: Encoder
    generator: Generator
    linear: LinearView
    optimiser: AdamW
    noise: torch.Generator
    step: int = 0


def begin(recipe: GeneratorRecipe) -> TrainingState:
    """Untrained networks as the recipe wants them, initialised from its seed alone."""
    network = recipe.network
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        encoder = Encoder(network.latent_dim, network.encoder_widths, network.encoder_residuals)
        generator = Generator(network.latent_dim, network.generator_widths, network.generator_residuals)
        linear = LinearView(network.latent_dim, size=min(16, encoder.size // 2))
    for module in (encoder, generator):
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    weights = [weight for module in (encoder, generator, linear) for weight in module.parameters()]
    optimiser = AdamW(weights, lr=recipe.optimiser.learning_rate, weight_decay=recipe.optimiser.weight_decay)
    return TrainingState(encoder, generator, linear, optimiser, torch.Generator().manual_seed(recipe.seed))


def learning_rate(step: int, optimiser: OptimiserSettings) -> float:
    """Rate of step number `step`: a linear rise, then half a cosine down to zero."""
    rise = min((step + 1) / (optimiser.warm_up + 1), 1.0)
    return optimiser.learning_rate * rise * 0.5 * (1.0 + math.cos(math.pi * step / optimiser.steps))


def train_step(state: TrainingState, image: Tensor, recipe: GeneratorRecipe) -> dict[str, float]:
    """One optimisation step on images (batch, 3, h, w) in -1 to 1.

    Returns
    -------
    dict
        The loss and its parts: `pixel`, `edge`, `linear` (see `training.losses`) and `prior` (nats per picture).
    """
    loss = recipe.loss
    state.encoder.train()
    state.generator.train()
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate(state.step, recipe.optimiser)
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.optimiser.precision == "bfloat16"):
        mean, log_variance = state.encoder(image)
        latent = sample_posterior(mean, log_variance, state.noise)
        rebuilt = state.generator(latent)
    pixel, edge = pixel_loss(rebuilt, image), edge_loss(rebuilt, image)
    coarse = coarse_loss(state.linear(latent), image)
    prior = prior_divergence(mean, log_variance)
    weight = loss.prior * min((state.step + 1) / (loss.prior_warm_up + 1), 1.0)
    total = pixel + loss.edge * edge + loss.linear * coarse + weight * prior
    state.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(total)
    state.optimiser.step()
    state.step += 1
    parts = {"loss": total, "pixel": pixel, "edge": edge, "linear": coarse, "prior": prior}
    return {name: float(part.detach()) for name, part in parts.items()}


def fit(
    state: TrainingState,
    images: Images,
    recipe: GeneratorRecipe,
    on_step: Callable[[int, dict[str, float]], None],
    stop_at: int | None = None,
) -> None:
    """Train from `state.step` to the end of the recipe, or to `stop_at`.

    Parameters
    ----------
    state : TrainingState
        Changed in place.
    images : uint8 array (n, h, w, 3)
        Training pictures.
    recipe : GeneratorRecipe
        Fixes the end, the batch and the losses.
    on_step : callable
        Gets the number of steps done and the losses after each; saving and logging happen there.
    stop_at : int, optional
        Stop earlier, without changing the schedule.
    """
    optimiser = recipe.optimiser
    stop = optimiser.steps if stop_at is None else min(stop_at, optimiser.steps)
    with training_progress(optimiser.batch_size) as progress:
        task = progress.add_task("training", total=optimiser.steps, completed=state.step)
        while state.step < stop:
            chosen = batch_indices(len(images), optimiser.batch_size, state.step, recipe.seed)
            losses = train_step(state, to_tensor(images[chosen]), recipe)
            on_step(state.step, losses)
            progress.update(task, advance=1, description=f"loss {losses['loss']:.4f}")


def preview(state: TrainingState, shown: Images) -> list[Images]:
    """Three rows of pictures uint8 (n, h, w, 3): shown, rebuilt from their mean latents, drawn from the prior."""
    state.encoder.eval()
    state.generator.eval()
    with torch.no_grad():
        mean, _ = state.encoder(to_tensor(shown))
        drawn = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
        return [shown, *(to_images(state.generator(latent)) for latent in (mean, drawn))]


def save(state: TrainingState, path: Path) -> None:
    """Write the state as safetensors, whole or not at all."""
    tensors = optimiser_tensors("optimiser", state.optimiser)
    for part, network in _networks(state):
        tensors |= network_tensors(part, network)
    tensors["noise"] = state.noise.get_state()
    tensors["step"] = torch.tensor(state.step)
    write_tensors(path, tensors)


def restore(state: TrainingState, path: Path) -> None:
    """Put what `save` wrote into a state made by `begin` with the same recipe.

    Raises
    ------
    BundleCorruptError
        If the file cannot be read or belongs to another recipe.
    """
    tensors = read_tensors(path)
    with fitting(path):
        for part, network in _networks(state):
            put_network(part, network, tensors)
        put_optimiser("optimiser", state.optimiser, tensors)
        state.noise.set_state(tensors["noise"])
        state.step = int(tensors["step"])


def _networks(state: TrainingState) -> tuple[tuple[str, nn.Module], ...]:
    return (("encoder", state.encoder), ("generator", state.generator), ("linear", state.linear))

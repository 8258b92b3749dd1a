"""Is it learning? What is measured on the averaged networks while training, and what is said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data.images import Images, to_images, to_tensor
from training.evaluate.distances import coverage, frechet_distance
from training.gan.networks import Networks

COARSE = 8
"""Side to which pictures are averaged for diversity and for the first part of the distance."""
SCALES = (1, 2, 4)
"""Sides of the blocks of pixels whose differences from their neighbours are the detail in the second part."""
PLACES = 4
"""Side of the grid over which these differences are averaged."""
DISTANCE = (
    f"mean of two Fréchet distances, each over the variance of the real features: of pixels averaged to {COARSE} x "
    f"{COARSE}, and of the sizes of differences between neighbouring blocks of {', '.join(map(str, SCALES))} pixels"
)
RECONSTRUCTION = "squared error of G(E(x)) over the variance of the pictures"
COMPARED = 16
"""Side to which pictures are averaged for coverage."""
NEIGHBOURS = 5
FEWEST_COMPARED = 4 * NEIGHBOURS
"""Pictures in a half of the real ones below which coverage says nothing."""
GRID = 8
MISSED = 0.8
"""Coverage, as a share of that of real pictures by real ones, below which kinds may be missing."""
LITTLE_DIVERSITY = 0.5
"""Mean distance of two samples, as a share of that of two real pictures, below which modes are missing."""
SURE = 0.99
"""Accuracy of the discriminator on both sides at which it leaves the generator little to learn from."""
FAINT = 0.01
"""Gradient norm of the generator, as a share of the largest so far, that counts as vanished."""
NARROW = 0.05
"""Variance of the encoder's means over pictures, where the prior's is one, at which the codes have collapsed."""
FALLING_BACK = 2.0
"""Distance, as a multiple of the best, that counts as falling back when it lasts."""
PATIENCE = 3
"""Looks for which something must last before it is said."""


@dataclass(slots=True)
class Watch:
    """Remembers what was seen and says what it means."""

    largest_gradient: float = 0.0
    best_distance: float = float("inf")
    falling_back: int = 0
    looks: dict[str, int] = field(default_factory=dict)
    were_high: set[str] = field(default_factory=set)
    said: set[str] = field(default_factory=set)

    def look(self, facts: Mapping[str, float]) -> list[str]:
        """Warnings that the newest facts give reason for, each said once until its reason is gone."""
        found = dict(self._found(facts))
        new = [text for key, text in found.items() if key not in self.said]
        self.said = (self.said | set(found)) - {key for key in self.said if key not in found and key in facts}
        return new

    def _found(self, facts: Mapping[str, float]) -> list[tuple[str, str]]:
        found = []
        if self._is_low("diversity", facts, LITTLE_DIVERSITY):
            found.append(
                (
                    "diversity",
                    f"Mode collapse? Two samples differ {facts['diversity']:.0%} as much as two real pictures. "
                    "Try a lower generator_rate, more discriminator_steps or r1.",
                )
            )
        if self._is_low("coverage", facts, MISSED * facts.get("coverage_real", 1.0)):
            found.append(
                (
                    "coverage",
                    f"Kinds missing? {facts['coverage']:.0%} of validation pictures have a sample like them, "
                    f"{facts['coverage_real']:.0%} another real picture. See which are never drawn; try more "
                    "discriminator_steps, r1, or a larger batch.",
                )
            )
        found += self._gradients(facts) + self._convergence(facts)
        if self._is_low("code_spread", facts, NARROW):
            found.append(
                (
                    "code_spread",
                    f"The codes collapse: over pictures the encoder's means vary by {facts['code_spread']:.3f}, the prior "
                    "by 1. Try a higher encoder_rate or cycle_latent.",
                )
            )
        return found

    def _is_low(self, key: str, facts: Mapping[str, float], limit: float) -> bool:
        """Whether a fact is below its limit and this says something.

        Untrained networks are low too: low must come after high, or last to the third look.
        """
        if key not in facts:
            return False
        self.looks[key] = self.looks.get(key, 0) + 1
        if facts[key] >= limit:
            self.were_high.add(key)
            return False
        return key in self.were_high or self.looks[key] >= PATIENCE

    def _gradients(self, facts: Mapping[str, float]) -> list[tuple[str, str]]:
        norm = facts.get("generator_gradient")
        if norm is None:
            return []
        self.largest_gradient = max(self.largest_gradient, norm)
        sure = min(facts.get("accuracy_real", 0.0), facts.get("accuracy_made", 0.0)) >= SURE
        if not sure or norm > FAINT * self.largest_gradient:
            return []
        return [
            (
                "generator_gradient",
                f"Vanishing gradients: the discriminator is right in {SURE:.0%} and more, and the generator's gradient "
                f"fell to {norm / self.largest_gradient:.1%} of its largest. Try spectral_norm, r1 or a lower "
                "discriminator_rate.",
            )
        ]

    def _convergence(self, facts: Mapping[str, float]) -> list[tuple[str, str]]:
        distance = facts.get("distance")
        if distance is None:
            return []
        self.best_distance = min(self.best_distance, distance)
        self.falling_back = self.falling_back + 1 if distance > FALLING_BACK * self.best_distance else 0
        if self.falling_back < PATIENCE:
            return []
        return [
            (
                "distance",
                f"It does not converge: the distance is {distance / self.best_distance:.1f} times the best for "
                f"{self.falling_back} looks. The best checkpoint is kept; stop here or lower the rates.",
            )
        ]


@dataclass(frozen=True, slots=True)
class View:
    """What the averaged networks do at one moment: figures, and rows of pictures to look at."""

    facts: dict[str, float]
    grid: list[Images]


def view(networks: Networks, real: Images, n: int, latent_dim: int, device: torch.device) -> View:
    """Look at averaged networks with a fixed latent.

    Parameters
    ----------
    networks : Networks
        Averaged ones; left in evaluation mode.
    real : uint8 array (m, h, w, channels)
        Validation pictures.
    n : int
        Samples to compare; as many real pictures, or all there are.
    latent_dim : int
        Components of the latent.
    device : torch.device
        Where the networks lie.

    Returns
    -------
    View
        ``diversity`` (mean distance of two samples over that of two real pictures); ``coverage`` (share of one half of
        the validation pictures that have a sample like them) beside ``coverage_real`` (the other half in place of
        samples); ``distance``, by which the best networks are chosen: see `DISTANCE`, and with an encoder plus
        ``reconstruction``, see `RECONSTRUCTION`, so that the encoder counts too; with an encoder ``code_spread``
        (variance of its means over pictures). And a grid: samples, and with an encoder pictures shown above G(E(x)).
    """
    for network in networks.made_by_generator().values():
        network.eval()
    latent = torch.randn(n, latent_dim, generator=torch.Generator().manual_seed(0))
    made = _apply(networks.generator, latent, device)
    shown = to_tensor(real[:n])
    facts = {"diversity": _spread(made) / max(_spread(shown), 1e-12), "distance": sample_distance(made, shown)}
    facts |= _coverage(made, shown)
    grid = [to_images(row) for row in torch.split(made[: GRID * 2 * GRID], 2 * GRID)]
    if networks.encoder is not None:
        codes = _apply(_MeanOnly(networks.encoder), shown, device)
        rebuilt = _apply(networks.generator, codes, device)
        facts["code_spread"] = float(codes.var(dim=0).mean())
        facts["reconstruction"] = _reconstruction_error(rebuilt, shown)
        facts["distance"] += facts["reconstruction"]
        for start in range(0, min(len(codes), 4 * GRID) - 2 * GRID + 1, 2 * GRID):
            grid += [to_images(each[start : start + 2 * GRID]) for each in (shown, rebuilt)]
    return View(facts, [row for row in grid if len(row) == 2 * GRID] or [grid[0]])


class _MeanOnly(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, image: Tensor) -> Tensor:
        mean: Tensor = self.encoder(image)[0]
        return mean


def _apply(network: nn.Module, inputs: Tensor, device: torch.device) -> Tensor:
    with torch.no_grad():
        return torch.cat([network(part.to(device)).float().cpu() for part in torch.split(inputs, 256)])


def _coarse(images: Tensor, side: int = COARSE) -> Tensor:
    return functional.adaptive_avg_pool2d(images, side).flatten(1)


def _spread(images: Tensor) -> float:
    return float(torch.pdist(_coarse(images[:512])).mean())


def sample_distance(made: Tensor, real: Tensor) -> float:
    """See `DISTANCE`; pictures (n, c, h, w) and (m, c, h, w), not a number if one of those made is not finite."""
    if not bool(torch.isfinite(made).all()):  # the eigenvalues of such a covariance end the process
        return float("nan")
    parts = []
    for features in (_coarse, _detail):
        ours, theirs = (features(each).double().numpy() for each in (made, real))
        parts.append(frechet_distance(ours, theirs) / max(float(theirs.var(axis=0).sum()), 1e-12))
    return sum(parts) / len(parts)


def _detail(images: Tensor) -> Tensor:
    """Sizes of the differences of neighbouring blocks, by place, direction, channel and scale, as rows (n, d)."""
    found = []
    for scale in SCALES:
        blocks = functional.avg_pool2d(images, scale)
        for difference in (blocks.diff(dim=2), blocks.diff(dim=3)):
            found.append(_coarse(difference.abs(), PLACES))
    return torch.cat(found, dim=1)


def _coverage(made: Tensor, real: Tensor) -> dict[str, float]:
    """Share of one half of the real pictures that is covered by as many samples, and by the other half."""
    half = min(len(real) // 2, len(made))
    if half < FEWEST_COMPARED or not bool(torch.isfinite(made).all()):
        return {}
    ours, one, other = (_coarse(each, COMPARED).numpy() for each in (made[:half], real[:half], real[half : 2 * half]))
    facts = {"coverage": ours, "coverage_real": other}
    return {name: float(coverage(one, each, NEIGHBOURS).mean()) for name, each in facts.items()}


def _reconstruction_error(rebuilt: Tensor, shown: Tensor) -> float:
    error = (rebuilt - shown).square().mean()
    return float(error / shown.var(dim=0, correction=0).mean().clamp(min=1e-12))

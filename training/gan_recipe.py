"""The recipe of `train_gan`: every trick is a switch here, off unless it says otherwise."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.gan.bigbigan import GENERATOR_WIDTHS, TRUNK_WIDTHS, Pooling, n_maps
from models.gan.blocks import Initialisation
from training.settings import BundleSettings, Count, Frozen, MachineSettings, PictureSettings, Seed

LatentDim = Annotated[int, Field(ge=2, le=4096)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Below1 = Annotated[float, Field(ge=0, lt=1)]
Widths = Annotated[tuple[Count, ...], Field(min_length=1)]
Part = Literal["generator", "encoder", "discriminator"]
AugmentKind = Literal["colour", "translation", "cutout"]


class DcganNetwork(Frozen):
    """DCGAN as published (METHODS: Radford, Metz and Chintala 2015)."""

    kind: Literal["dcgan"] = "dcgan"
    latent_dim: LatentDim = 100
    generator_width: Count = 64
    discriminator_width: Count = 64
    discriminator_batch_norm: bool = True


class BigBiganNetwork(Frozen):
    """BigBiGAN; widths are published ones times `width` unless they are given map by map."""

    kind: Literal["bigbigan"] = "bigbigan"
    latent_dim: LatentDim = 120
    width: Annotated[int, Field(ge=2)] = 32
    generator_widths: Widths | None = None
    """From the 4 x 4 map up."""
    encoder_widths: Widths | None = None
    """Down to the 4 x 4 map."""
    discriminator_widths: Widths | None = None
    dense_width: Count = 256
    """Units of the latent and the joint part of the discriminator."""
    dense_blocks: Annotated[int, Field(ge=0, le=16)] = 3
    pooling: Pooling = "sum"
    """How F ends: summed over places as published, or all places of the 4 x 4 map side by side."""
    encoder_pooling: Pooling = "sum"
    fold: Literal[1, 2] = 1
    """2: the largest maps have half the picture's side, which is four times cheaper there."""
    skip_z: bool = True
    self_attention: int | None = None
    """Side of the map that gets self-attention, in generator and discriminator."""


class WeightSettings(Frozen):
    """What is done to the weights themselves."""

    initialisation: Initialisation = "normal"
    spectral_norm: tuple[Part, ...] = ()
    orthogonal_penalty: NotNegative = 0.0
    """Strength of the penalty on the generator (1e-4 in Brock et al. 2019); 0 is off."""


class LossSettings(Frozen):
    """What the parts minimise."""

    adversarial: Literal["logistic", "hinge"] = "logistic"
    r1: NotNegative = 0.0
    """Gamma of the gradient penalty on real pictures (Mescheder et al. 2018)."""
    r1_every: Count = 16
    """Steps between two penalties (lazy, Karras et al. 2020); each counts as many times."""
    cycle_image: NotNegative = 0.0
    """Weight of the squared error of G(E(x)); not in BigBiGAN, see ALICE (Li et al. 2017)."""
    cycle_latent: NotNegative = 0.0
    """Weight of the squared error of E(G(z)); not in BigBiGAN."""


class UpdateSettings(Frozen):
    """How often and how fast the parts learn."""

    steps: Count = 10000
    batch_size: Annotated[int, Field(ge=2)] = 64
    """Pictures of one update over all processes and all parts of an accumulated batch."""
    accumulation: Count = 1
    """Parts into which a process cuts its share of the batch; batch statistics are those of a part."""
    discriminator_steps: Count = 1
    reuse_fakes: bool = True
    """The generator learns on the pictures the discriminator has just seen, as DCGAN does; else on new ones."""
    generator_rate: Positive = 2e-4
    discriminator_rate: Positive = 2e-4
    encoder_rate: Positive = 2e-4
    anneal: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the steps, the last ones, over which all rates fall linearly to zero."""
    beta1: Below1 = 0.5
    beta2: Below1 = 0.999


class AverageSettings(Frozen):
    """Moving average of generator and encoder, buffers included."""

    decay: Below1 = 0.0
    """Per step; 0 is off. 0.9999 in Brock et al. 2019."""
    start: int = Field(default=0, ge=0)
    """Step before which the average is the live network."""
    ramp: bool = True
    """After the start, average over no more than a tenth of the steps since then (Karras et al. 2020)."""
    standing: Annotated[int, Field(ge=0, le=1000)] = 0
    """Batches of 256 on which batch statistics are measured afresh before the average is looked at or kept; 0 is off."""


class AugmentSettings(Frozen):
    """Differentiable augmentation of what the discriminator sees, real and made (Zhao et al. 2020)."""

    kinds: tuple[AugmentKind, ...] = ()


class WatchSettings(Frozen):
    """What is measured and kept while training."""

    log_every: Count = 50
    watch_every: Count = 500
    """Steps between sample grids, diversity and the distance that chooses the best checkpoint."""
    save_every: Count = 500
    n: Annotated[int, Field(ge=16)] = 1000
    """Samples for diversity and distance; validation pictures only."""


class EvaluationSettings(Frozen):
    """What is measured of the networks as they are exported."""

    enabled: bool = True
    classifier: str | None = None
    """Folder of a trained classifier in whose features pictures are compared. Null takes Inception-v3 if it is here,
    else trains one on the classes of the training pictures, else compares averaged pixels."""
    classifier_steps: Count = 1000
    """Steps of the classifier that is trained here."""
    n_samples: Annotated[int, Field(ge=20)] = 10_000
    """Samples and test pictures for the distances; all test pictures if there are fewer."""
    n_probe: Count = 20_000
    """Training pictures of the linear probe; all if there are fewer."""
    truncation: Positive | None = None
    """Scores samples once more from latents of which each component beyond this is drawn again; null leaves it out."""


class GanBundleSettings(BundleSettings):
    """The bundle that comes out."""

    enabled: bool = True
    """False ends a run with its training: no bundle, and so nothing that could be scored."""
    name: str = ""
    """Empty: the recipe's."""
    licence: str = ""
    """Empty: BSD-3-Clause for networks trained on the built-in pictures, else "not stated"."""
    whiten: bool = False
    """Turn and stretch the latents so that the encoder's means over training pictures have unit covariance; else they
    are the generator's own, drawn from N(0, I)."""
    truncation: Positive | None = None
    """Component that the program puts in place of larger ones (it clips, and draws none again); null clips none."""


class GanRecipe(Frozen):
    """All that a run of `train_gan` depends on."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "gan"
    seed: Seed = 0
    pictures: PictureSettings = PictureSettings()
    network: Annotated[DcganNetwork | BigBiganNetwork, Field(discriminator="kind")] = DcganNetwork()
    weights: WeightSettings = WeightSettings()
    loss: LossSettings = LossSettings()
    updates: UpdateSettings = UpdateSettings()
    average: AverageSettings = AverageSettings()
    augment: AugmentSettings = AugmentSettings()
    machine: MachineSettings = MachineSettings()
    watch: WatchSettings = WatchSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    bundle: GanBundleSettings = GanBundleSettings()

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        for problem in (*self._network_problems(), *self._batch_problems()):
            raise ValueError(problem)
        return self

    def _network_problems(self) -> list[str]:
        size, network = self.pictures.size, self.network
        if size not in GENERATOR_WIDTHS:
            return [f"pictures.size must be one of {', '.join(map(str, GENERATOR_WIDTHS))} for a GAN; got {size}"]
        if isinstance(network, DcganNetwork) and self.bundle.whiten:
            return ["a DCGAN has no encoder whose latents could be whitened: bundle.whiten must be false"]
        if isinstance(network, DcganNetwork):
            cycled = self.loss.cycle_image or self.loss.cycle_latent or "encoder" in self.weights.spectral_norm
            return (
                ["a DCGAN has no encoder: loss.cycle_* must be 0, weights.spectral_norm without it"] if cycled else []
            )
        problems = []
        for name, widths in zip(_WIDTHS, widths_of(network, size), strict=True):
            if len(widths) != n_maps(size, network.fold):
                problems.append(
                    f"network.{name} needs {n_maps(size, network.fold)} numbers for {size} pixels folded by "
                    f"{network.fold}, one per map; got {len(widths)}"
                )
        n_chunks = n_maps(size, network.fold)
        if network.skip_z and network.latent_dim % n_chunks:
            below = network.latent_dim - network.latent_dim % n_chunks
            problems.append(
                f"network.latent_dim must be divisible by {n_chunks} for skip-z at {size} pixels, such as {below} or "
                f"{below + n_chunks}; got {network.latent_dim}"
            )
        return problems or self._attention_problems(network, size)

    def _attention_problems(self, network: BigBiganNetwork, size: int) -> list[str]:
        side, n = network.self_attention, n_maps(size, network.fold)
        if side is None:
            return []
        up, _, down = widths_of(network, size)
        # no block of the generator ends with its smallest map, none of the discriminator with its largest
        sides = {4 * 2**place: min(up[place], down[n - 2 - place]) for place in range(1, n - 1)}
        if side not in sides:
            return [f"network.self_attention must be a map's side ({', '.join(map(str, sides))}); got {side}"]
        if sides[side] < 8:
            return [f"network.self_attention needs 8 channels; the map of {side} has {sides[side]}: widen the network"]
        return []

    def _batch_problems(self) -> list[str]:
        updates, parts = self.updates, self.updates.accumulation * self.machine.n_processes
        if updates.batch_size % parts:
            return [
                f"updates.batch_size must be divisible by accumulation x devices x nodes ({parts}); "
                f"got {updates.batch_size}"
            ]
        if updates.batch_size // parts < 2:
            return [f"each part of a batch needs two pictures; {updates.batch_size} over {parts} parts leave one"]
        return []


_WIDTHS = ("generator_widths", "encoder_widths", "discriminator_widths")


def widths_of(network: BigBiganNetwork, size: int) -> tuple[Widths, Widths, Widths]:
    """Channels of generator, encoder and discriminator, as given or as published."""
    up = tuple(network.width * factor for factor in GENERATOR_WIDTHS[size])
    down = tuple(network.width * factor for factor in TRUNK_WIDTHS[size])
    if network.fold == 2:
        up, down = up[:-1], down[1:]
    encoder = network.encoder_widths or network.discriminator_widths or down
    return network.generator_widths or up, encoder, network.discriminator_widths or down

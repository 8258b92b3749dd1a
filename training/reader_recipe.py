"""The recipe of `train_reader`: which trials, how they are divided, what reads them, and what it is trained for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.simulation.settings import ParticipantSettings
from training.settings import BundleSettings, Count, Frozen, Seed, Share

Seconds = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Dropout = Annotated[float, Field(ge=0, lt=1)]


class SimulatedData(Frozen):
    """Sessions of the simulated participant: one to learn from, one with other pictures and noise to test on."""

    kind: Literal["simulated"] = "simulated"
    participant: ParticipantSettings = ParticipantSettings()
    families: tuple[str, ...] = ("shapes", "letters", "digits")
    n_trials: Annotated[int, Field(ge=20)] = 1200
    n_test: Annotated[int, Field(ge=20)] = 300
    soa_s: float = Field(default=1.0, ge=0.4)
    cut: CalibrationRecipe = CalibrationRecipe()


class LinearSettings(Frozen):
    """Whitened ridge: see `bci_app.calibration.ridge`."""

    kind: Literal["linear"] = "linear"
    bin_times: Annotated[int, Field(ge=1, le=1000)] = 4


class _Deep(Frozen):
    """What every network has."""

    width: Count = 64
    """Features between the encoder and its heads."""
    whiten: bool = True
    """Whiten channels by the training trials; else each is divided by its own spread."""
    dropout: Dropout = 0.5


class EegNetSettings(_Deep):
    """EEGNet; lengths in seconds, published at 128 Hz."""

    kind: Literal["eegnet"] = "eegnet"
    n_filters: Count = 8
    depth: Count = 2
    n_separable: Count = 16
    kernel_s: Seconds = 0.5
    pool_s: Seconds = 0.03125
    dropout: Dropout = 0.25


class NiceSettings(_Deep):
    """NICE; lengths in seconds, published at 250 Hz."""

    kind: Literal["nice"] = "nice"
    n_filters: Count = 40
    kernel_s: Seconds = 0.1
    pool_s: Seconds = 0.204
    stride_s: Seconds = 0.02


class AttentionSettings(NiceSettings):
    """Attention over channels, then NICE."""

    kind: Literal["attention"] = "attention"  # type: ignore[assignment]
    token_width: Count = 64
    n_heads: Count = 4


DeepSettings = EegNetSettings | NiceSettings | AttentionSettings


class ObjectiveSettings(Frozen):
    """Weights of the losses of a deep reader; see `training.readers.objective`."""

    squared_error: NotNegative = 1.0
    cosine: NotNegative = 0.0
    contrastive: NotNegative = 0.0
    image_features: str | None = None
    """An .npz of image features by picture id that the contrastive part compares with; null takes the latents."""


class AugmentationSettings(Frozen):
    """What is done to the windows of a training step; nothing at 0."""

    shift_times: Annotated[int, Field(ge=0)] = 0
    """Samples by which a window is moved at most, earlier or later."""
    drop_channels: Dropout = 0.0
    """Share of channels left out."""
    noise: NotNegative = 0.0
    """Gaussian noise, as a share of each channel's own spread."""


class OptimiserSettings(Frozen):
    """How long and how fast a deep reader learns."""

    epochs: Count = 100
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: NotNegative = 1e-2
    warm_up: Annotated[int, Field(ge=0)] = 20
    """Steps over which the rate rises; it then falls along half a cosine."""
    patience: Count = 20
    """Epochs without a lower validation loss after which training ends."""
    validation: Share = 0.1
    """Share of the training pictures that is kept for this."""
    threads: Count = 1


class ReaderRecipe(Frozen):
    """All that a run of `train_reader` depends on."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "reader"
    seed: Seed = 1
    data: SimulatedData = SimulatedData()
    reader: Annotated[
        LinearSettings | EegNetSettings | NiceSettings | AttentionSettings, Field(discriminator="kind")
    ] = LinearSettings()
    objective: ObjectiveSettings = ObjectiveSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    generator: str = "bci_app/bundles/pictures64"
    bundle: BundleSettings = BundleSettings(name="reader")

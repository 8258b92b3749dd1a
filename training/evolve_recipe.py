"""The recipe of ``python -m training.evolve``: what is driven, with which pictures, by which optimiser, beside which controls."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bci_app.evolution.optimisers import AnyOptimiser
from bci_app.evolution.scoring import AnyNoise, NoNoise
from bci_app.evolution.spherical import SphericalCMA
from bci_app.inference.image_model import PictureInput
from training.settings import Count, Frozen, PictureSettings, Seed

Channels = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] | Count
"""Those named, or so many drawn by the seed."""
Place = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, max_length=4)]


class OnnxTarget(Frozen):
    """Units of a layer of an ONNX image model; `input` says how the input of a plain .onnx file is made."""

    kind: Literal["onnx"] = "onnx"
    model: str = "bci_app/bundles/classifier64"
    input: PictureInput | None = None
    layer: str = "rectified4"
    channels: Channels = 20
    place: Place | None = None
    references: PictureSettings = PictureSettings(n=1000)


class TorchTarget(Frozen):
    """Units of a module of a classifier that `train_classifier` left in a run folder, by the module's name."""

    kind: Literal["torch"] = "torch"
    classifier: str
    module: str = "body.3"
    channels: Channels = 20
    place: Place | None = None
    references: PictureSettings = PictureSettings(n=1000)


class EnergySettings(Frozen):
    """Oriented energies and, if a run of `train_classifier` on colour pictures is given, its maps."""

    kind: Literal["energy"] = "energy"
    classifier: str | None = None


class LayerSettings(Frozen):
    """Maps of layers of an image model, averaged over a grid."""

    kind: Literal["layers"] = "layers"
    model: str = "bci_app/bundles/classifier64"
    layers: Annotated[tuple[str, ...], Field(min_length=1)] = ("rectified2", "rectified3", "rectified4")


FeatureSettings = Annotated[EnergySettings | LayerSettings, Field(discriminator="kind")]


class EncodingTarget(Frozen):
    """Neurons, as encoding models fitted to photographs and the rates they evoked predict them.

    The guide is fitted to one half of the photographs; it is valid if it predicts the other half. A judge with the same
    features and a judge with others are fitted to that other half and never guide.
    """

    kind: Literal["encoding"] = "encoding"
    folder: str = "../shared/data/macaque-v4"
    """Holds ``images_SESSION.zip`` and ``responses_SESSION.npy``."""
    sessions: tuple[str, ...] | None = None
    """Null: all."""
    guide: FeatureSettings = EnergySettings()
    judge: FeatureSettings = LayerSettings()
    first: Annotated[int, Field(ge=0)] = 0
    step: Count = 1
    """Neurons first, first + step, ... are candidates: settings can be chosen on others."""
    per_session: Count = 6
    """So many of the valid candidates, drawn by the seed."""


AnyTarget = Annotated[OnnxTarget | TorchTarget | EncodingTarget, Field(discriminator="kind")]


class EvolveRecipe(Frozen):
    """All that a run of `evolve` depends on."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "evolve"
    seed: Seed = 0
    target: AnyTarget = OnnxTarget()
    generator: str = "bci_app/bundles/pictures64"
    optimiser: AnyOptimiser = SphericalCMA()
    evaluations: Annotated[int, Field(ge=2)] = 1000
    """Pictures scored in each evolution, repeats not counted; whole generations, the last one included."""
    seeds: Count = 1
    """Evolutions of each unit."""
    noise: AnyNoise = NoNoise()
    """Of what the optimiser is told; figures are those of responses without noise."""
    repeats: Count = 1
    threads: Count = 1

    @model_validator(mode="after")
    def _is_at_least_one_generation(self) -> Self:
        if self.evaluations < self.optimiser.population:
            raise ValueError(
                f"evaluations must be at least the population ({self.optimiser.population}); got {self.evaluations}"
            )
        return self

    @property
    def generations(self) -> int:
        """Of each evolution."""
        return self.evaluations // self.optimiser.population

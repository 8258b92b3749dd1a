"""The recipe of a training run: typed, frozen, unknown keys refused."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bci_app.contract.checks import plainly
from bci_app.contract.errors import SettingsError

Share = Annotated[float, Field(gt=0, lt=0.5)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Widths = Annotated[tuple[Count, ...], Field(min_length=2, max_length=6)]
Blocks = tuple[Annotated[int, Field(ge=0, le=8)], ...]


class Frozen(BaseModel):
    """Unknown keys and infinite numbers are refused, values cannot change."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PictureSettings(Frozen):
    """Which pictures, how many, how they are made to fit, and the shares kept out of training."""

    source: Annotated[str, Field(min_length=1)] = "builtin"
    """``builtin``, or a path: a folder or .zip of images, an .npz with x_train, or the idx files of MNIST."""
    families: tuple[str, ...] = ("shapes", "letters", "digits")
    """Of the built-in pictures."""
    n: Count | None = None
    """How many built-in pictures to draw (30,000), or how many of a source to read at most (all)."""
    size: Literal[16, 32, 64, 128] = 64
    channels: Literal[1, 3] = 3
    resize: Literal["crop", "pad"] = "crop"
    """Cut the middle square and resize it, or set a smaller picture into a black square."""
    flip: bool = False
    """Mirror half of the pictures of each training step left to right."""
    validation: Share = 0.05
    test: Share = 0.05


class NetworkSettings(Frozen):
    """Generator and encoder; widths and residual blocks are one per resolution."""

    latent_dim: Annotated[int, Field(ge=2, le=512)] = 40
    generator_widths: Widths = (128, 128, 96, 64)
    generator_residuals: Blocks = (0, 1, 1, 0)
    encoder_widths: Widths = (32, 64, 96, 96)
    encoder_residuals: Blocks = (0, 0, 0, 1)


class LossSettings(Frozen):
    """Weights beside the pixel loss, whose weight is one."""

    edge: float = Field(default=0.3, ge=0)
    linear: float = Field(default=0.15, ge=0)
    """Weight of the small picture that one matrix draws from the latent."""
    prior: float = Field(default=1e-4, ge=0)
    prior_warm_up: int = Field(default=500, ge=0)
    """Steps over which the weight of the prior rises from zero."""


class OptimiserSettings(Frozen):
    """How long and how fast."""

    steps: Count = 4500
    batch_size: Annotated[int, Field(ge=2)] = 32
    learning_rate: float = Field(default=1.5e-3, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    warm_up: int = Field(default=100, ge=0)
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    threads: Count = 1
    save_every: Count = 500


class MachineSettings(Frozen):
    """Where it runs: handed to Lightning Fabric."""

    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    devices: Count = 1
    """Processes on each node, one per device."""
    nodes: Count = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    threads: Count = 1

    @property
    def n_processes(self) -> int:
        """On all nodes."""
        return self.devices * self.nodes


class BundleSettings(Frozen):
    """The bundle that comes out; `folder` null leaves it in the run folder."""

    name: str = "pictures64"
    folder: str | None = None
    licence: str = "BSD-3-Clause"


class GeneratorRecipe(Frozen):
    """All that a run of `train_generator` depends on."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "pictures64"
    seed: Seed = 0
    pictures: PictureSettings = PictureSettings()
    network: NetworkSettings = NetworkSettings()
    loss: LossSettings = LossSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    bundle: BundleSettings = BundleSettings()

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        network = self.network
        for part, widths, residuals in (
            ("generator", network.generator_widths, network.generator_residuals),
            ("encoder", network.encoder_widths, network.encoder_residuals),
        ):
            if len(residuals) != len(widths):
                raise ValueError(
                    f"network.{part}_residuals must have one number per width ({len(widths)}), got {len(residuals)}"
                )
            if 4 * 2 ** len(widths) != self.pictures.size:
                raise ValueError(
                    f"network.{part}_widths with {len(widths)} numbers make pictures of {4 * 2 ** len(widths)} pixels, "
                    f"pictures.size is {self.pictures.size}"
                )
        return self


Recipe = TypeVar("Recipe", bound=BaseModel)


def read_recipe(path: Path | str, overrides: Sequence[str] = ()) -> GeneratorRecipe:
    """The generator recipe in a YAML file; see `read_any_recipe`."""
    return read_any_recipe(GeneratorRecipe, path, overrides)


def read_any_recipe(kind: type[Recipe], path: Path | str, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of `kind` in a YAML file, with ``key=value`` overrides such as ``optimiser.steps=10``.

    Raises
    ------
    SettingsError
        If the file cannot be read, or a key or value is not valid; the message names each.
    """
    return _validated(kind, _read_yaml(Path(path)), overrides, str(path))


def with_overrides(recipe: Recipe, overrides: Sequence[str], allowed: Sequence[str]) -> Recipe:
    """The recipe of a run with some of its values changed.

    Parameters
    ----------
    recipe : BaseModel
        Stays as it is.
    overrides : sequence of str
        Words ``key=value``.
    allowed : sequence of str
        Keys that may change; one that ends with a dot stands for its section.

    Raises
    ------
    SettingsError
        If another key is to change, or a value is not valid.
    """
    for override in overrides:
        key = override.partition("=")[0]
        if not any(key == each or (each.endswith(".") and key.startswith(each)) for each in allowed):
            keys = ", ".join(f"{each}*" if each.endswith(".") else each for each in allowed)
            raise SettingsError(
                f"Of a run that has begun these may change: {keys}; got {override!r}. Start a new run for it."
            )
    return _validated(type(recipe), recipe.model_dump(mode="json"), overrides, "of the run")


def _validated(kind: type[Recipe], raw: dict[str, Any], overrides: Sequence[str], name: str) -> Recipe:
    for override in overrides:
        _override(raw, override)
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise SettingsError(
            f"The recipe {name} is not valid: {problems(error, raw)}. Correct it and start again."
        ) from None


def problems(error: ValidationError, raw: object) -> str:
    """What pydantic found in `raw`, in one line, each by the keys that stand there."""
    return "; ".join(_sentence(_as_written(each["loc"], raw), each) for each in error.errors())


def _sentence(place: tuple[int | str, ...], found: Mapping[str, Any]) -> str:
    key, told = ".".join(map(str, place)), found.get("ctx", {})
    if found["type"].startswith("union_tag"):
        key = f"{key}.{told['discriminator'].strip(chr(39))}"
        kinds = told.get("expected_tags", "").replace(", ", " or ")
        missing = f"{key} is missing: say which one is meant, as the recipes in configs/train do"
        return f"{key} must be {kinds}; got '{told['tag']}'" if kinds else missing
    message = plainly(found["type"], found["msg"])
    return f"{key}: {message}" if key else message


def _as_written(place: tuple[int | str, ...], raw: Any) -> tuple[int | str, ...]:
    """The place without the name of the member of a union, which pydantic adds and nobody wrote."""
    keys: list[int | str] = []
    for part in place:
        if isinstance(raw, dict) and part not in raw and part in [v for v in raw.values() if isinstance(v, str)]:
            continue
        keys.append(part)
        inside = isinstance(raw, list) and isinstance(part, int) and part < len(raw)
        raw = raw[part] if inside or (isinstance(raw, dict) and part in raw) else None
    return tuple(keys)


class _Loader(yaml.SafeLoader):
    """YAML without surprises: a key that stands twice is an error, and 1e3 is the number it looks like."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """As SafeLoader, which takes the last of several."""
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' stands there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def _parse(text: str) -> Any:
    """What YAML says, made of plain values alone."""
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        raw = _parse(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(
            f"A recipe is a YAML file; '{path}' cannot be read: {error.strerror}. Check the path."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"The recipe {path} must be YAML; reading it failed: {reason}. Correct it.") from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise SettingsError(
            f"The recipe {path} must be keys and values; got a {type(raw).__name__}. See configs/train."
        )
    return raw


def _override(raw: dict[str, Any], override: str) -> None:
    """Set one dotted key of `raw` in place."""
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise SettingsError(f"An override is key=value, such as optimiser.steps=10; got {override!r}.")
    *sections, last = key.split(".")
    place = raw
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise SettingsError(f"Override {override!r} goes into '{section}', which is not a section of the recipe.")
    try:
        place[last] = _parse(value)
    except yaml.YAMLError as error:
        raise SettingsError(
            f"The value of override {override!r} must be YAML: {' '.join(str(error).split())}."
        ) from None


class ClassifierBundleSettings(Frozen):
    """The bundle of a classifier; `folder` null leaves it in the run folder."""

    name: Annotated[str, Field(min_length=1)]
    folder: str | None = None
    licence: str = ""
    """Empty: BSD-3-Clause for networks trained on the built-in pictures, else "not stated"."""


class ClassifierRecipe(Frozen):
    """All that a run of `train_classifier` depends on; `widths` are one per resolution, largest map first."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "classifier"
    seed: Seed = 0
    pictures: PictureSettings = PictureSettings()
    widths: Widths = (32, 64, 96, 128)
    steps: Count = 1800
    batch_size: Annotated[int, Field(ge=2)] = 128
    learning_rate: float = Field(default=3e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    warm_up: int = Field(default=50, ge=0)
    """Steps over which the learning rate rises from zero."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    threads: Count = 1
    bundle: ClassifierBundleSettings | None = None
    """The bundle that the program opens as a model to drive; null leaves weights and card only."""

    @model_validator(mode="after")
    def _size_fits(self) -> Self:
        if 4 * 2 ** len(self.widths) != self.pictures.size:
            raise ValueError(
                f"widths with {len(self.widths)} numbers make pictures of {4 * 2 ** len(self.widths)} pixels, "
                f"pictures.size is {self.pictures.size}"
            )
        return self

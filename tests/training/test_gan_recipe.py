"""Recipes of GANs: the published ones by default, each trick a switch, and what cannot be is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bci_app.contract.errors import SettingsError
from training.gan.networks import build
from training.gan_recipe import BigBiganNetwork, GanRecipe, widths_of
from training.settings import read_any_recipe

TINY = Path("configs/train/tiny")
RECIPES = sorted(path for path in Path("configs/train").rglob("*.yaml") if "gan" in path.stem)
SMALL = ("network.dense_width=4", "network.dense_blocks=0", "network.skip_z=false", "weights.initialisation=normal",
         "weights.spectral_norm=[]")  # fmt: skip


def _read(kind: str, *overrides: str) -> GanRecipe:
    return read_any_recipe(GanRecipe, TINY / f"{kind}32.yaml", overrides)


def _refusal(kind: str, *overrides: str) -> str:
    with pytest.raises(SettingsError) as caught:
        _read(kind, *overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("path", RECIPES, ids=str)
def test_every_recipe_that_comes_with_the_project_is_valid_and_says_how_it_is_run(path: Path) -> None:
    recipe = read_any_recipe(GanRecipe, path)
    assert recipe.name in (path.stem.replace("_", "-"), f"{path.stem}-tiny")
    first, second, *_ = path.read_text("utf-8").splitlines()
    assert first.startswith("# ")
    assert path.parent.name == "tiny" or second.startswith(f"# python -m training.train_gan {path}")


def test_recipes_are_found() -> None:
    names = {"dcgan32", "bigbigan32", "dcgan64", "bigbigan_mnist32", "dcgan_cifar32", "bigbigan_natural64"}
    assert {path.stem for path in RECIPES} >= names


@pytest.mark.parametrize("path", RECIPES, ids=str)
def test_the_networks_of_every_recipe_fit_its_pictures(path: Path) -> None:
    recipe = read_any_recipe(GanRecipe, path, ["weights.spectral_norm=[]", "weights.initialisation=normal"])
    size, channels, dim = recipe.pictures.size, recipe.pictures.channels, recipe.network.latent_dim
    with torch.device("meta"):  # shapes alone; the large ones hold hundreds of millions of weights
        networks, image = build(recipe), torch.empty(2, channels, size, size)
        made = networks.generator(torch.empty(2, dim))
        assert made.shape == image.shape
        if networks.encoder is None:
            assert networks.discriminator(image).shape == (2,)
        else:
            mean, std = networks.encoder(image)
            assert mean.shape == std.shape == (2, dim)
            assert networks.discriminator(image, mean).shape == (2, 3)


def test_the_recipe_of_natural_pictures_has_what_keeps_a_discriminator_from_learning_them_by_heart() -> None:
    recipe = read_any_recipe(GanRecipe, "configs/train/bigbigan_natural64.yaml")
    assert isinstance(recipe.network, BigBiganNetwork)
    assert recipe.network.self_attention == 32
    assert recipe.loss.r1 > 0
    assert set(recipe.augment.kinds) == {"translation", "cutout", "colour"}
    assert (recipe.machine.accelerator, recipe.machine.precision) == ("auto", "bfloat16")


@pytest.mark.parametrize("steps", ["1e3", "1.0e3", "+1E3", "1000"])
def test_steps_may_be_written_as_a_power_of_ten(steps: str, tmp_path: Path) -> None:
    assert _read("dcgan", f"updates.steps={steps}").updates.steps == 1000
    (tmp_path / "r.yaml").write_text(f"updates: {{steps: {steps}}}", "utf-8")
    assert read_any_recipe(GanRecipe, tmp_path / "r.yaml").updates.steps == 1000


@pytest.mark.parametrize("text", ["seed: 1\nseed: 2\n", "updates:\n  steps: 1\n  steps: 2\n"])
def test_a_key_that_stands_twice_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=r"the key '(seed|steps)' stands there twice .*line [23]") as caught:
        read_any_recipe(GanRecipe, tmp_path / "r.yaml")
    assert "\n" not in str(caught.value)


def test_by_default_it_is_the_published_dcgan_without_any_trick() -> None:
    recipe = GanRecipe()
    updates, loss = recipe.updates, recipe.loss
    assert (recipe.network.kind, recipe.network.latent_dim, recipe.pictures.size) == ("dcgan", 100, 64)
    assert (updates.generator_rate, updates.discriminator_rate) == (2e-4, 2e-4)
    assert (updates.beta1, updates.beta2, updates.reuse_fakes, updates.anneal) == (0.5, 0.999, True, 0.0)
    assert (updates.discriminator_steps, updates.accumulation) == (1, 1)
    assert (loss.adversarial, loss.r1, loss.cycle_image, loss.cycle_latent) == ("logistic", 0.0, 0.0, 0.0)
    assert (recipe.weights.initialisation, recipe.weights.spectral_norm, recipe.weights.orthogonal_penalty) == (
        "normal", (), 0.0,
    )  # fmt: skip
    assert (recipe.average.decay, recipe.average.standing, recipe.augment.kinds) == (0.0, 0, ())
    assert not recipe.pictures.flip
    assert recipe.machine.precision == "float32"


@pytest.mark.parametrize(("override", "message"), [
    ("updates.stepz=7", "updates.stepz: Extra inputs are not permitted"),
    ("network.width=4", "is not valid: network.width: Extra inputs are not permitted"),
    ("network.latent_dim=0", "network.latent_dim: Input should be greater than or equal to 2"),
    ("network.kind=stylegan", "network.kind must be 'dcgan' or 'bigbigan'; got 'stylegan'"),
    ("network={latent_dim: 8}", "network.kind is missing: say which one is meant"),
    ("seed=-1", "seed: Input should be greater than or equal to 0"),
    (f"seed={2**63}", "seed: Input should be less than or equal to 9223372036854775807"),
    ("updates.generator_rate=.inf", "updates.generator_rate: Input should be a finite number"),
    ("loss.r1=.nan", "loss.r1: Input should be"),
    ("updates.steps=1.5", "updates.steps: Input should be a valid integer"),
    ("pictures.size=16", "pictures.size must be one of 32, 64, 128 for a GAN; got 16"),
    ("pictures.size=48", "pictures.size: Input should be 16, 32, 64 or 128"),
    ("pictures.n=0", "pictures.n: Input should be greater than or equal to 1"),
    ("updates.batch_size=1", "updates.batch_size: Input should be greater than or equal to 2"),
    ("updates.accumulation=3", "updates.batch_size must be divisible by accumulation x devices x nodes (3); got 8"),
    ("machine.devices=3", "updates.batch_size must be divisible by accumulation x devices x nodes (3); got 8"),
    ("updates.accumulation=8", "each part of a batch needs two pictures; 8 over 8 parts leave one"),
    ("updates.generator_rate=0", "updates.generator_rate: Input should be greater than 0"),
    ("updates.beta2=1", "updates.beta2: Input should be less than 1"),
    ("average.decay=1", "average.decay: Input should be less than 1"),
    ("loss.adversarial=wasserstein", "loss.adversarial: Input should be 'logistic' or 'hinge'"),
    ("loss.r1=-1", "loss.r1: Input should be greater than or equal to 0"),
    ("augment.kinds=[blur]", "augment.kinds.0: Input should be 'colour', 'translation' or 'cutout'"),
    ("weights.spectral_norm=[encoder]", "a DCGAN has no encoder"),
    ("loss.cycle_image=1", "a DCGAN has no encoder: loss.cycle_* must be 0"),
    ("loss.cycle_latent=1", "a DCGAN has no encoder: loss.cycle_* must be 0"),
    ("bundle.whiten=true", "a DCGAN has no encoder whose latents could be whitened"),
    ("name=../elsewhere", "name: String should match"),
])  # fmt: skip
def test_what_a_dcgan_cannot_be_is_one_clear_sentence(override: str, message: str) -> None:
    assert message in _refusal("dcgan", override)


@pytest.mark.parametrize(("overrides", "message"), [
    (["network.latent_dim=13"], "network.latent_dim must be divisible by 4 for skip-z at 32 pixels, such as 12 or 16; got 13"),
    (["pictures.size=64"], "network.latent_dim must be divisible by 5 for skip-z at 64 pixels, such as 10 or 15; got 12"),
    (["network.generator_widths=[8, 8]"], "network.generator_widths needs 4 numbers for 32 pixels folded by 1"),
    (["network.encoder_widths=[]"], "network.encoder_widths: Tuple should have at least 1 item"),
    (["network.fold=2", "network.discriminator_widths=[8, 8, 8, 8]"], "network.encoder_widths needs 3 numbers"),
    (["network.fold=2", "network.encoder_widths=[8, 8, 8]", "network.discriminator_widths=[8, 8, 8, 8]"],
     "network.discriminator_widths needs 3 numbers for 32 pixels folded by 2, one per map; got 4"),
    (["network.self_attention=32"], "network.self_attention must be a map's side (8, 16); got 32"),
    (["network.self_attention=4"], "network.self_attention must be a map's side (8, 16); got 4"),
    (["network.self_attention=8", "network.discriminator_widths=[8, 7, 8, 8]"],
     "network.self_attention needs 8 channels; the map of 8 has 7: widen the network"),
])  # fmt: skip
def test_what_a_bigbigan_cannot_be_is_one_clear_sentence(overrides: list[str], message: str) -> None:
    assert message in _refusal("bigbigan", *overrides)


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("fold", [1, 2])
def test_every_side_that_a_recipe_may_ask_attention_for_has_its_map_and_no_other(size: int, fold: int) -> None:
    for width in (2, 8):
        allowed = []
        for side in (4, 8, 16, 32, 64, 128):
            more = [f"pictures.size={size}", f"network.fold={fold}", f"network.width={width}"]
            try:
                recipe = _read("bigbigan", *SMALL, *more, f"network.self_attention={side}")
            except SettingsError:
                continue
            build(recipe)  # refuses what it cannot make
            allowed.append(side)
        there = [side for side in (8, 16, 32, 64) if side < size // fold]
        assert allowed == (there if width == 8 else there[: len(allowed)])
        assert allowed


def test_widths_are_the_published_ones_times_the_base_or_those_given() -> None:
    published = widths_of(BigBiganNetwork(width=10), 64)
    assert published == ((160, 160, 80, 40, 20), (10, 20, 40, 80, 160), (10, 20, 40, 80, 160))
    folded = widths_of(BigBiganNetwork(width=10, fold=2), 64)
    assert folded == ((160, 160, 80, 40), (20, 40, 80, 160), (20, 40, 80, 160))
    given = widths_of(BigBiganNetwork(width=10, discriminator_widths=(1, 2, 3, 4, 5)), 64)
    assert given == (published[0], (1, 2, 3, 4, 5), (1, 2, 3, 4, 5))
    both = widths_of(BigBiganNetwork(width=10, discriminator_widths=(1, 2), encoder_widths=(3, 4)), 64)
    assert both[1:] == ((3, 4), (1, 2))


def test_a_recipe_comes_back_from_its_json() -> None:
    recipe = _read("bigbigan", "network.self_attention=8", "augment.kinds=[cutout]")
    assert GanRecipe.model_validate_json(recipe.model_dump_json()) == recipe

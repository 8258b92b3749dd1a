"""Train a classifier of pictures, whose features are a space to compare pictures in.

python -m training.train_classifier configs/train/classifier_mnist.yaml [steps=900 ...]
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor
from torch.nn import functional

from bci_app.contract.errors import BciError, SettingsError
from bci_app.contract.manifest import Score
from models.classifier import Classifier
from training.classifier_bundle import export_classifier
from training.data.images import Images, ImageSplit, Pictures, batch_indices, flip_some, read_split, to_tensor
from training.evaluate.batches import batched
from training.evaluate.classifier_files import ClassifierCard, load_classifier, save_classifier
from training.evaluate.intervals import share
from training.run_folder import RunFolder, new_run
from training.settings import ClassifierRecipe, read_any_recipe

LOG_EVERY = 50


def train(recipe: ClassifierRecipe, run: RunFolder) -> ClassifierCard:
    """Train, score on the test side, write both files into the run folder, and the bundle if the recipe names one.

    Raises
    ------
    SettingsError
        If the pictures have no classes.
    """
    torch.set_num_threads(recipe.threads)
    split = read_split(recipe.pictures, recipe.seed, cache=run.path)
    card = learn(split, recipe, run, run.origin("commit"), run.origin("command"))
    if recipe.bundle is not None:
        folder = Path(recipe.bundle.folder) if recipe.bundle.folder else run.path / "bundle"
        export_classifier(load_classifier(run.path), folder, split.test.images)
    return card


def learn(split: ImageSplit, recipe: ClassifierRecipe, run: RunFolder, commit: str, command: str) -> ClassifierCard:
    """Train on pictures that are read already; see `train`."""
    refuse_without_classes(split)
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        network = Classifier(recipe.pictures.channels, len(split.classes), recipe.widths)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    fit(network, split.train, recipe, lambda step, loss: run.log(step=step, loss=loss))
    validation = float(np.mean(predict(network, split.validation.images) == split.validation.labels))
    run.log(step=recipe.steps, validation_accuracy=validation)
    card = ClassifierCard(
        recipe=recipe,
        n_channels=recipe.pictures.channels,
        classes=split.classes,
        accuracy=accuracy(network, split.test, split.name, np.random.default_rng(recipe.seed)),
        data=split.name,
        commit=commit,
        command=command,
    )
    return save_classifier(run.path, network, card)


def refuse_without_classes(split: ImageSplit) -> None:
    """Raise SettingsError if a side has no labels, or there is only one class."""
    sides = {"training": split.train, "validation": split.validation, "test": split.test}
    without = [name for name, side in sides.items() if side.labels is None]
    if without or len(split.classes) < 2:
        raise SettingsError(
            f"A classifier needs pictures of at least two classes; '{split.name}' has {len(split.classes)}, and "
            f"{' and '.join(without) or 'no'} pictures without one. Give each class a folder of its own."
        )


def fit(
    network: Classifier, pictures: Pictures, recipe: ClassifierRecipe, on_log: Callable[[int, float], None]
) -> None:
    """All steps of the recipe on the network, in place.

    Parameters
    ----------
    network : Classifier
        Changed, and left in evaluation mode.
    pictures : Pictures
        Training side, with labels.
    recipe : ClassifierRecipe
        Steps, batch and rates.
    on_log : callable
        Gets the number of steps done and the mean cross-entropy of the last ones, in nats.
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    network.train()
    losses = []
    for step in track(range(recipe.steps), "training"):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, recipe)
        losses.append(_train_step(network, optimiser, *_batch(pictures, step, recipe), recipe.precision))
        if len(losses) == LOG_EVERY or step + 1 == recipe.steps:
            on_log(step + 1, float(np.mean(losses)))
            losses.clear()
    network.eval()


def _batch(pictures: Pictures, step: int, recipe: ClassifierRecipe) -> tuple[Tensor, Tensor]:
    assert pictures.labels is not None
    chosen = batch_indices(len(pictures), recipe.batch_size, step, recipe.seed)
    images = pictures.images[chosen]
    if recipe.pictures.flip:
        images = flip_some(images, np.random.default_rng((recipe.seed, step)))
    return to_tensor(images), torch.from_numpy(pictures.labels[chosen])


def _train_step(
    network: Classifier, optimiser: torch.optim.Optimizer, image: Tensor, label: Tensor, precision: str
) -> float:
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        logits = network(image)
    loss = functional.cross_entropy(logits.float(), label)
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimiser.step()
    return float(loss.detach())


def learning_rate(step: int, recipe: ClassifierRecipe) -> float:
    """Rate of step number `step`: a linear rise, then half a cosine down to zero."""
    rise = min((step + 1) / (recipe.warm_up + 1), 1.0)
    return recipe.learning_rate * rise * 0.5 * (1.0 + math.cos(math.pi * step / recipe.steps))


def predict(network: Classifier, images: Images) -> NDArray[np.int64]:
    """Most likely class (n,) of pictures uint8 (n, h, w, c)."""

    def of_batch(batch: Images) -> NDArray[np.int64]:
        with torch.no_grad():
            return np.asarray(network(to_tensor(batch)).argmax(dim=1).numpy())

    return batched(of_batch)(images)


def accuracy(network: Classifier, test: Pictures, data: str, rng: np.random.Generator) -> Score:
    """Share of test pictures whose class is found, beside chance, noise pictures and shuffled labels."""
    assert test.labels is not None
    value, low, high = share(predict(network, test.images) == test.labels)
    noise = rng.integers(0, 256, test.images.shape, dtype=np.uint8)
    return Score(
        name="accuracy",
        value=value,
        low=low,
        high=high,
        chance=float(np.bincount(test.labels).max() / len(test)),
        noise_input=float(np.mean(predict(network, noise) == test.labels)),
        shuffled_pairing=float(np.mean(predict(network, test.images) == rng.permutation(test.labels))),
        n=len(test),
        held_out=f"the test side of {data}",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a message says what to do, 130 stopped by Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m training.train_classifier", description="Train a classifier.")
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    words = parser.parse_intermixed_args(arguments)
    command = " ".join([parser.prog, words.recipe, *words.overrides])
    try:
        recipe = read_any_recipe(ClassifierRecipe, words.recipe, words.overrides)
        run = new_run(words.runs, recipe, datetime.now(), command)
        card = train(recipe, run)
    except BciError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; nothing was kept. A classifier is trained in minutes, start it again.")
        return 130
    score = card.accuracy
    print(
        f"Accuracy {score.value:.4f} ({score.low:.4f} to {score.high:.4f}) on {score.n} pictures, {score.held_out}; "
        f"chance {score.chance:.4f}, noise pictures {score.noise_input:.4f}, "
        f"shuffled labels {score.shuffled_pairing:.4f}"
    )
    print(f"Classifier: {run.path}")
    if recipe.bundle is not None:
        print(f"Bundle: {recipe.bundle.folder or run.path / 'bundle'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

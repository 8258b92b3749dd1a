"""A reader of categories as a decoder bundle: what it reads is drawn as the mean picture of the class.

Decision values go to latents by the linear map that takes the mean decision values of each class to the mean latent of its
pictures; a trial that is read without doubt lands there, one in doubt lies between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bci_app.calibration.export import write_decoder_bundle
from bci_app.calibration.ridge import LinearReader, fit_noise
from bci_app.contract.bundle import Bundle
from bci_app.contract.errors import SettingsError
from bci_app.contract.manifest import GeneratorManifest, Provenance, Score
from training.data.brain import BrainTrials
from training.evaluate.reader_reading import Floats
from training.readers.network_reader import NetworkReader


def category_bundle(
    folder: Path | str,
    reader: LinearReader | NetworkReader,
    trials: BrainTrials,
    targets: Floats,
    decisions: Floats,
    class_latents: Floats,
    *,
    name: str,
    generator: GeneratorManifest,
    provenance: Provenance,
    metrics: Sequence[Score],
) -> Bundle:
    """Export a reader of categories for the latent space of `generator`.

    Parameters
    ----------
    folder : path
        Where the bundle shall stand.
    reader : LinearReader or NetworkReader
        Decision values (n, n_classes) of windows.
    trials : BrainTrials
        It was learnt from.
    targets : float32 array (n_trials, n_classes)
        One-hot.
    decisions, class_latents : float32 arrays
        See `to_latents`.
    name, generator, provenance, metrics
        See `write_decoder_bundle`.

    Raises
    ------
    SettingsError
        If decisions, targets and latents do not belong together.
    """
    return write_decoder_bundle(
        folder,
        to_latents(reader, targets, decisions, class_latents),
        fit_noise(trials.windows),
        name=name,
        preprocessing=trials.preprocessing,
        cut=trials.cut,
        generator=generator,
        provenance=provenance,
        metrics=metrics,
        trained_on=tuple(dict.fromkeys(picture for picture in trials.pictures if picture)),
        kind=trials.kind,
    )


def to_latents(
    reader: LinearReader | NetworkReader, targets: Floats, decisions: Floats, class_latents: Floats
) -> LinearReader | NetworkReader:
    """The reader with latents in place of decision values.

    Parameters
    ----------
    reader : LinearReader or NetworkReader
    targets : float32 array (n_trials, n_classes)
        One-hot.
    decisions : float32 array (n_trials, n_classes)
        Of readers that had not learnt the trial they read: those of its own training trials are too far apart.
    class_latents : float32 array (n_classes, latent_dim)
        Mean latent of each class's pictures.

    Raises
    ------
    SettingsError
        If they do not belong together.
    """
    if decisions.shape != targets.shape or len(class_latents) != targets.shape[1] or not targets.any(axis=0).all():
        raise SettingsError(
            f"Decision values of each trial and a latent of each class are needed, and a trial of each; got targets "
            f"{targets.shape}, decision values {decisions.shape} and latents {class_latents.shape}. Leave out classes "
            "without a trial."
        )
    counts = targets.sum(axis=0, dtype=np.float64)
    means = targets.T.astype(np.float64) @ decisions / counts[:, np.newaxis]
    centre, middle = means.mean(axis=0), class_latents.mean(axis=0, dtype=np.float64)
    matrix = np.linalg.pinv(means - centre, rcond=1e-6) @ (class_latents - middle)
    offset, mean_target = middle - centre @ matrix, (counts / counts.sum()) @ class_latents
    if isinstance(reader, LinearReader):
        return LinearReader(
            (reader.weights @ matrix).astype(np.float32),
            (reader.intercept @ matrix + offset).astype(np.float32),
            mean_target.astype(np.float32),
        )
    layer = nn.Linear(*matrix.shape)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(matrix.T))
        layer.bias.copy_(torch.from_numpy(offset))
    network = nn.Sequential(reader.network, layer).eval()
    return replace(reader, network=network, mean_target=mean_target.astype(np.float32))

"""Models exchanged while a session runs: which may follow which, opened beside the session, found on the disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bci_app.contract.bundle import MANIFEST
from bci_app.contract.checks import listed
from bci_app.contract.errors import SettingsError
from bci_app.contract.manifest import DecoderManifest
from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.engine.nearest import calibration_pictures
from bci_app.engine.worker import Worker
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture

_DIGITS = 7
_MOST_FOUND = 50
_LARGEST_MANIFEST = 64_000_000
_WORDS = {"sfreq": "rate", "sos": "filters"}
"""What a field of the preprocessing is called in a message, where its name does not say it."""


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """A decoder and the generator that draws what it reads."""

    decoder: Decoder
    generator: Generator

    @property
    def name(self) -> str:
        """Both, each with the first digits of its digest: ``"P07 1a2b3c4 → pictures64 9f8e7d6"``."""
        return " → ".join(
            f"{each.manifest.name} {each.bundle.digest[:_DIGITS]}" for each in (self.decoder, self.generator)
        )

    def calibration_pictures(self) -> list[Picture]:
        """Pictures that the decoder was made with, of the size that the generator reads, as far as they are at hand."""
        if not self.generator.manifest.has_encoder:
            return []
        trained_on, size = self.decoder.manifest.trained_on, self.generator.image_size
        return list(calibration_pictures(self.decoder.bundle.folder, trained_on, size))


@dataclass(frozen=True, slots=True)
class Found:
    """A decoder bundle on the disk: its folder, its name, and how well it read, beside chance, as far as it says."""

    folder: Path
    name: str
    figure: str


def check_exchange(running: Models, wanted: Models, shows_pictures: bool) -> None:
    """Whether `wanted` can take over from `running` between two windows.

    The signal goes on through the same filters into the same ring, so the new decoder must want just these, and cut alike.

    Raises
    ------
    SettingsError
        If it reads another signal, wants it preprocessed or cut otherwise; the message says what differs.
    BundleError
        If pictures are shown and its generator has no encoder, by which they are scored.
    """
    differing = _differences(running.decoder.manifest, wanted.decoder.manifest)
    if differing:
        raise SettingsError(
            f"Models are exchanged while the signal goes on, so the new decoder must read it as it comes; of decoder "
            f"'{wanted.decoder.manifest.name}' other than of the running one are: {listed(differing)}. End this session and "
            "start one with that decoder, or choose another."
        )
    if shows_pictures:
        wanted.generator.require_encoder()


def _differences(running: DecoderManifest, wanted: DecoderManifest) -> list[str]:
    """What the new decoder wants otherwise, in words."""
    named = [] if running.kind == wanted.kind else [f"the signal ({wanted.signal} for {running.signal})"]
    for field in type(running.preprocessing).model_fields:
        now, then = getattr(running.preprocessing, field), getattr(wanted.preprocessing, field)
        if now != then:
            short = f" ({then} for {now})" if isinstance(now, (str, int, float)) else ""
            named.append(f"the {_WORDS.get(field, field)}{short}")
    if running.cut != wanted.cut:
        named.append(f"what is cut ({_cut_text(wanted.cut)} for {_cut_text(running.cut)})")
    return named


def _cut_text(cut: TrialSpec | WindowSpec) -> str:
    if isinstance(cut, WindowSpec):
        return f"windows of {cut.window_s:g} s every {cut.hop_s:g} s"
    return f"trials from {cut.start_s + cut.latency_s:g} to {cut.stop_s + cut.latency_s:g} s"


class Opening(Worker):
    """Opens and verifies models in a thread of its own, while the running ones go on reading.

    Parameters
    ----------
    decoder : Path
        Bundle.
    generator : Path or None
        Bundle; None for the generator in use.
    running : callable
        Gives the models in use.
    device : {"auto", "cpu", "gpu"}
    require_gpu : bool
        As of the session: a new model that would not run where it must is refused, and the old ones go on.
    on_ready : callable
        Takes the opened models; in this thread. What it raises is refused like what cannot be opened.
    on_refused : callable
        Takes the reason in plain words; in this thread.
    """

    def __init__(
        self,
        decoder: Path,
        generator: Path | None,
        running: Callable[[], Models],
        device: Literal["auto", "cpu", "gpu"],
        require_gpu: bool,
        on_ready: Callable[[Models], None],
        on_refused: Callable[[str], None],
    ) -> None:
        super().__init__("models", on_refused)
        self._decoder = decoder
        self._generator = generator
        self._running = running
        self._device = device
        self._require_gpu = require_gpu
        self._on_ready = on_ready
        self.done = False

    def step(self) -> bool:
        """Open both and hand them on; models thread."""
        generator = self._running().generator
        if self._generator is not None:
            generator = Generator.open(self._generator, self._device, self._require_gpu)
        models = Models(Decoder.open(self._decoder, generator, self._device, self._require_gpu), generator)
        if not self.stopping:
            self._on_ready(models)
        return False

    def close(self) -> None:
        """Whatever came of it, others may be opened now; models thread."""
        self.done = True


def find_decoders(*places: Path) -> tuple[Found, ...]:
    """Decoder bundles in the folders `places` and up to two levels below, the newest first; any thread.

    Nothing is verified here, only listed: whoever opens one verifies it.
    """
    manifests = {
        path.resolve()
        for place in places
        for pattern in (MANIFEST, f"*/{MANIFEST}", f"*/*/{MANIFEST}")
        for path in place.glob(pattern)
    }
    newest = sorted(manifests, key=_modified, reverse=True)
    listed_ones = (_listing(path) for path in newest)
    return tuple(found for found in listed_ones if found is not None)[:_MOST_FOUND]


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _listing(manifest: Path) -> Found | None:
    """The bundle of a manifest, if it is a decoder of pictures."""
    try:
        if manifest.stat().st_size > _LARGEST_MANIFEST or '-decoder"' not in manifest.read_text("utf-8"):
            return None
        raw = json.loads(manifest.read_text("utf-8"))
        scores = raw.get("metrics") or [{}]
        if not str(raw["kind"]).endswith("-decoder"):
            return None
        return Found(manifest.parent, str(raw["name"]), _figure(scores[0]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _figure(score: dict[str, object]) -> str:
    """Its own figure with its interval beside chance, or that there is none."""
    value, chance = score.get("value"), score.get("chance")
    if not isinstance(value, float) or not isinstance(chance, float):
        return "no figure of its own"
    name, low, high = str(score.get("name", "score")).split(",")[0], score.get("low"), score.get("high")
    interval = f" ({low:.2f} to {high:.2f})" if isinstance(low, float) and isinstance(high, float) else ""
    return f"{name} {value:.2f}{interval}, chance {chance:.2f}"

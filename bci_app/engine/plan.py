"""What a session is built from, before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bci_app.contract.errors import SettingsError, StreamError
from bci_app.contract.windowing import TrialSpec, marker_latency_s, reach_s
from bci_app.engine.live_signal import SignalPlan
from bci_app.engine.settings import SessionSettings
from bci_app.engine.summary import decoder_facts, generator_facts
from bci_app.engine.views import SignalWords
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture
from bci_app.streams.markers import MarkerOutlet, PictureOutlet

_FEWEST_HELD = 120
"""Samples held at least: five minutes of a scanner."""
_SAMPLES_MORE = 3
"""Samples held beyond what is cut: those that arrive meanwhile."""
REPLAY_AHEAD_S = 600.0
"""How far a marker of a replay may be ahead of the signal: a fast one sends that much in a dozen seconds."""


@dataclass
class Outlets:
    """Where a session that shows pictures announces them; `pictures` only for a simulated participant."""

    markers: MarkerOutlet
    pictures: PictureOutlet | None = None

    def wait_for_listeners(self, timeout_s: float) -> None:
        """Until the simulated participant hears both streams; StreamError if it does not."""
        for outlet in filter(None, (self.markers, self.pictures)):
            if not outlet.wait_for_consumers(timeout_s):
                raise StreamError(
                    f"The simulated participant was expected to listen to stream '{outlet.description.name}'; nobody did "
                    f"within {timeout_s:g} s. Check that nothing blocks Lab Streaming Layer on this machine (loopback, "
                    "UDP 16571, TCP and UDP 16572 to 16604)."
                )

    def close(self) -> None:
        """End the streams; may be called twice."""
        self.markers.close()
        if self.pictures is not None:
            self.pictures.close()


@dataclass
class SessionPlan:
    """Everything a session is built from, opened and checked; see `bci_app.engine.opening`."""

    settings: SessionSettings
    title: str
    decoder: Decoder
    generator: Generator
    pictures: Iterator[Picture] | None = None
    outlets: Outlets | None = None
    folder: Path | None = None
    watermark: str = ""
    source_ended: Callable[[], bool] | None = None
    """Whether the sender has said its last, such as a replay at the end of its file; None for a live stream."""
    stamps_are_live: bool = True
    """Whether time stamps tell when samples were taken; not so in a replay at another speed than 1."""
    notes: tuple[str, ...] = ()
    """What the user should know from the start; told as problems that end nothing."""
    shown: Mapping[str, Picture] = field(default_factory=dict)
    """What was on screen in a session that is replayed, by the `picture_label` of its marker: read and scored again."""

    @property
    def signal(self) -> SignalPlan:
        """Which signal the decoder reads."""
        manifest, settings = self.decoder.manifest, self.settings
        return SignalPlan(
            settings.stream,
            manifest.preprocessing,
            SignalWords.of(manifest, manifest.preprocessing),
            f"Bundle '{manifest.name}'",
            self.buffer_s,
            settings.duration_s,
            self.folder,
            self.source_ended,
        )

    @property
    def about(self) -> dict[str, Any]:
        """What is kept of it beside what was recorded, so that a report can be written whenever there is one to write."""
        manifest = self.decoder.manifest
        own = {
            "marker_latency_ms": 1000 * marker_latency_s(manifest.cut),
            "latent_mean": self.decoder.latent_mean.tolist(),
        }
        return {
            "kind": "pictures",
            "participant": self.settings.participant,
            "watermark": self.watermark,
            "signal": manifest.signal,
            "device": self.decoder.device,
            "decoder": decoder_facts(self.decoder, manifest.preprocessing) | own,
            "generator": generator_facts(self.generator),
            "settings": self.settings.model_dump(mode="json"),
        }

    @property
    def buffer_s(self) -> float:
        """Seconds of signal held: those of the settings, or more if they are but a few samples of a slow signal."""
        return max(self.settings.buffer_s, _FEWEST_HELD / self.decoder.manifest.preprocessing.output_sfreq)

    def check(self) -> None:
        """Raise SettingsError if decoder, markers, pictures and buffer cannot go together."""
        cut, settings = self.decoder.manifest.cut, self.settings
        reads_trials = isinstance(cut, TrialSpec)
        if self.pictures is not None and not reads_trials:
            raise SettingsError(
                "Pictures are shown one after another, so the decoder must read trials; this one reads sliding windows. "
                "Choose a decoder made from trials, or do not show pictures."
            )
        if self.pictures is None and reads_trials and settings.stream.markers is None:
            raise SettingsError(
                "This decoder reads trials, which begin at markers; no marker stream was named. "
                "Name one (--markers NAME; in the window: Marker stream), or choose a decoder for sliding windows."
            )
        needed_s = reach_s(cut) + max(1.0, _SAMPLES_MORE / self.decoder.manifest.preprocessing.output_sfreq)
        if self.buffer_s < needed_s:
            raise SettingsError(
                f"The buffer must hold what the decoder reads at once, from its marker on, and one second more "
                f"({needed_s:g} s); buffer_s is {self.buffer_s:g} s. Raise buffer_s."
            )

"""What a session that reads sentences is built from: a text bundle, its signal, and what cannot go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bci_app.contract.bundle import Bundle, open_bundle
from bci_app.contract.errors import BundleError, RecordingError, SettingsError
from bci_app.contract.manifest import Generation, TextManifest
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.engine.live_signal import SignalPlan
from bci_app.engine.opening import replay_of
from bci_app.engine.session_file import read_session
from bci_app.engine.settings import parse_settings
from bci_app.engine.summary import decoder_facts
from bci_app.engine.text_settings import TextSettings
from bci_app.engine.text_views import OwnTest
from bci_app.engine.views import SignalWords
from bci_app.inference.text import TextDecoder

SHIPPED = "sentences32"
"""The text bundle that comes with the program: of simulated readers."""
HOW_TO_MAKE_ONE = (
    "To make one: `bci-app show` shows sentences, `bci-app record` or the page Signal records, "
    "`python -m training.train_text` learns from that."
)
_MORE_S = 5.0
"""Seconds held beyond the longest sentence: those that arrive while another one is cut."""


@dataclass
class TextPlan:
    """Everything such a session is built from, opened and checked."""

    settings: TextSettings
    title: str
    decoder: TextDecoder
    folder: Path | None = None
    watermark: str = ""
    source_ended: Callable[[], bool] | None = None
    """Whether the sender has said its last, such as a replay at the end of its file; None for a live stream."""
    stamps_are_live: bool = True
    """Whether time stamps tell when samples were taken; not so in a replay at another speed than 1."""
    notes: tuple[str, ...] = ()
    """What the user should know from the start; told as problems that end nothing."""

    @property
    def signal(self) -> SignalPlan:
        """Which signal the model reads."""
        manifest, settings = self.decoder.manifest, self.settings
        spec = live_spec(manifest)
        return SignalPlan(
            settings.stream,
            spec,
            SignalWords.of(manifest, spec),
            f"Bundle '{manifest.name}'",
            max(settings.buffer_s, manifest.sentence.reach_s + _MORE_S),
            settings.duration_s,
            self.folder,
            self.source_ended,
        )

    @property
    def about(self) -> dict[str, Any]:
        """What is kept of it beside what was recorded, so that a report can be written whenever there is one to write."""
        manifest = self.decoder.manifest
        tested = OwnTest.of(manifest)
        reads = {"reads": manifest.reads, "n_codes": manifest.n_codes}
        return {
            "kind": "text",
            "participant": self.settings.participant,
            "watermark": self.watermark,
            "signal": manifest.signal,
            "device": self.decoder.device,
            "decoder": decoder_facts(self.decoder, live_spec(manifest)) | reads,
            "tested": {
                "convincing": tested.convincing,
                "verdict": tested.verdict,
                "score": None if tested.score is None else tested.score.model_dump(),
            },
            "generation": self.generation.model_dump(),
            "settings": self.settings.model_dump(mode="json"),
        }

    @property
    def generation(self) -> Generation:
        """How text is generated: as the bundle was tested, but for the beams that the settings name."""
        wanted = self.decoder.manifest.generation
        n_beams = self.settings.n_beams
        return wanted if n_beams is None else wanted.model_copy(update={"n_beams": n_beams})

    @property
    def markers_wanted(self) -> str:
        """Which markers make a sentence, in words."""
        sentence = self.decoder.manifest.sentence
        return f"Sentences lie between the markers '{sentence.start}' and '{sentence.stop}'" + (
            f", their words at '{sentence.word}...'" if sentence.word_cut is not None else ""
        )

    def check(self) -> None:
        """Raise SettingsError if no marker stream is named: without markers there is no sentence."""
        if self.settings.stream.markers is None:
            raise SettingsError(
                f"{self.markers_wanted}; no marker stream was named. Name one (--markers NAME; in the window: Marker stream)."
            )


def live_spec(manifest: TextManifest) -> PreprocessingSpec:
    """How the signal of a model is preprocessed.

    Raises
    ------
    BundleError
        If it reads features that were computed elsewhere.
    """
    if manifest.preprocessing is None:
        raise BundleError(
            f"Bundle '{manifest.name}' reads features of words that were computed elsewhere, such as those published with "
            "ZuCo; no stream and no recording carries them, so it cannot read live. Choose a bundle that reads windows of EEG "
            "round words ('word-windows') or whole sentences of EEG ('waves')."
        )
    return manifest.preprocessing


def open_text_decoder(settings: TextSettings, opened: Bundle | None = None) -> TextDecoder:
    """The model of a session.

    Parameters
    ----------
    opened : Bundle, optional
        That of the settings, if it was opened already.

    Raises
    ------
    SettingsError
        If no bundle is named, or it reads pictures.
    BundleError, DeviceError
        If it is not sound, cannot be read live, or the GPU that was required is not used.
    """
    if opened is None:
        if settings.decoder is None:
            raise SettingsError(
                "A text bundle is needed to read sentences; none was named. Give its folder with --decoder. "
                f"`bci-app demo --read` shows one with a simulated reader. {HOW_TO_MAKE_ONE}"
            )
        opened = open_bundle(settings.decoder)
    manifest = opened.manifest
    if not isinstance(manifest, TextManifest):
        raise SettingsError(
            f"Sentences are read with a text bundle; '{opened.folder.name}' is of kind '{manifest.kind}'. "
            + (
                f"It reads pictures: use `bci-app run --decoder {opened.folder}` (in the window: the page Decode)."
                if manifest.kind.endswith("-decoder")
                else "Choose a text bundle (--decoder)."
            )
        )
    live_spec(manifest)
    return TextDecoder.open(opened, settings.device, settings.require_gpu)


def open_text_plan(settings: TextSettings, title: str, folder: Path | None) -> TextPlan:
    """The plan of a session on a live stream; errors as `open_text_decoder` and `TextPlan.check`."""
    plan = TextPlan(settings, title, open_text_decoder(settings), folder)
    plan.check()
    return plan


def as_recorded(settings: TextSettings, recording: Path) -> TextSettings:
    """`settings` for a replay of `recording`, which is scored as on its day if it is a session that read sentences: with as many
    hypotheses as there, unless the settings name them, and with the same noise.

    Raises
    ------
    SettingsError
        If what the session keeps of its own settings cannot be meant.
    """
    try:
        about = read_session(recording)
    except RecordingError:
        return settings  # another kind of recording
    told = about.get("settings")
    if about.get("kind") != "text" or not isinstance(told, dict):
        return settings
    n_beams = told.get("n_beams") if settings.n_beams is None else settings.n_beams
    values = settings.model_dump() | {"n_beams": n_beams, "seed": told.get("seed", settings.seed)}
    return parse_settings(TextSettings, values, f"The settings of the session '{recording.name}'")


@contextmanager
def text_replay_plan(
    settings: TextSettings,
    opened: Bundle,
    file: Path,
    speed: float,
    stream: str | None = None,
    unit: str | None = None,
    partial: bool = False,
) -> Iterator[TextPlan]:
    """The plan of a session on a recording that is played back; the player ends with the block.

    Replaying sentences that a model was trained on tests the software, not the reading; the session says so of each.

    Parameters
    ----------
    settings : TextSettings
        Its stream becomes that of the player; see `as_recorded` for the rest.
    opened : Bundle
        The text bundle.
    file, speed, stream, unit, partial
        See `bci_app.engine.opening.replay_of`.
    """
    settings = as_recorded(settings, file)
    decoder = open_text_decoder(settings, opened)
    with replay_of(file, settings.stream, speed, stream, unit, partial) as playing:
        yield TextPlan(
            settings.model_copy(update={"stream": playing.stream}),
            f"bci-app replay of {file.name}",
            decoder,
            watermark="REPLAY",
            source_ended=playing.has_ended,
            stamps_are_live=playing.speed == 1,
        )

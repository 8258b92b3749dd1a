"""Read: a text bundle reads sentences from the chosen stream, word by word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QLineEdit, QSpinBox, QWidget

from bci_app.contract.errors import SettingsError
from bci_app.ui.background import OnProgress
from bci_app.ui.pages.session_page import Opened, SessionPage, device_field, device_settings, open_in_folder
from bci_app.ui.session_window import SessionWindow
from bci_app.ui.views.fields import PathField

if TYPE_CHECKING:
    from bci_app.engine.closing import RunResult

READER = "sentences32"
"""The text bundle that comes with the program."""
_MOST_BEAMS = 64


class ReadPage(SessionPage):
    """The form of a reading of sentences, and the reading in its place."""

    title = "Read"
    hint = (
        "Ctrl+Return starts with the stream of the page Connect · everything is recorded · Esc in the session ends it"
    )
    about = (
        "A text bundle reads sentences whose beginning and end are marked. Fluent text proves nothing: beside it stand what the "
        "same model writes from noise, and how well it fits other sentences. No bundle of your own? `bci-app show FILE` shows "
        "sentences while the page Signal records them, with 'bci-app sentences' as its markers; `python -m training.train_text "
        "configs/train/text_recordings.yaml` learns from that."
    )

    def _rows(self) -> Sequence[tuple[str, QWidget]]:
        current = self.holder.current
        self.decoder = PathField("text bundle", "folder of a text bundle; empty for the one of simulated readers")
        self.decoder.set_path(current.text_decoder)
        self.markers = QLineEdit()
        self.markers.setPlaceholderText("name of the stream that marks sentences and words")
        self.beams = QSpinBox()
        self.beams.setRange(0, _MOST_BEAMS)
        self.beams.setSpecialValueText("as the bundle was tested")
        self.device = device_field(current.device)
        return (
            ("&Text bundle", self.decoder),
            ("&Marker stream", self.markers),
            ("&Hypotheses kept", self.beams),
            ("De&vice", self.device),
        )

    def entered(self) -> None:
        """Take over the markers that were chosen on the page Connect."""
        stream = self.holder.current.stream
        self.markers.setText("" if stream is None else stream.markers or "")
        super().entered()

    def _opener(self) -> Callable[[OnProgress], Opened]:
        from bci_app.bundles import shipped
        from bci_app.engine.settings import parse_settings
        from bci_app.engine.text_settings import TextSettings

        holder = self.holder
        device = device_settings(self.device)
        holder.choose(text_decoder=self.decoder.path, device=device["device"])
        own, runs = holder.reads_own_sender(), holder.current.runs
        simulated = own is not None and own.code == "simulated"
        participant, stream = holder.participant(), holder.stream()
        if self.decoder.path is None and not simulated:
            from bci_app.engine.text_plan import HOW_TO_MAKE_ONE

            raise SettingsError(
                "A text bundle is needed to read sentences; none is named, and the one that comes with the program reads "
                f"simulated readers alone. Name its folder under Text bundle. {HOW_TO_MAKE_ONE}"
            )
        values = device | {
            "participant": participant,
            "stream": stream.model_copy(update={"markers": self.markers.text().strip() or None}),
            "decoder": self.decoder.path or (shipped(READER) if simulated else None),
            "n_beams": self.beams.value() or None,
        }
        settings = parse_settings(TextSettings, values, "The form of the page Read")

        def work(tell: OnProgress) -> Opened:
            from bci_app.engine.text_plan import as_recorded, open_text_plan
            from bci_app.engine.text_session import TextSession

            tell(0, 1, "opening the model")
            played = None if own is None else own.recording
            plan = open_text_plan(settings if played is None else as_recorded(settings, played), "bci-app read", None)
            if own is not None:
                plan.watermark = own.watermark
            if own is not None and own.code == "replay":
                own.rewind()
                plan.source_ended, plan.stamps_are_live = own.ended, own.live
            tell(0, 1, "connecting")
            return open_in_folder(runs, "read", plan, TextSession)

        return work

    def _new_window(self, session: Any) -> SessionWindow:
        from bci_app.ui.text_window import TextWindow

        return TextWindow(session, colours=self.holder.colours, screenshot=session.plan.folder / "window.png")

    def _close(self, session: Any) -> RunResult:
        from bci_app.engine.text_closing import close_text_and_report

        return close_text_and_report(session)

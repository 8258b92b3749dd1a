"""Decode: a decoder bundle reads pictures from the chosen stream, trial by trial or all the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QCheckBox, QLineEdit, QSpinBox, QWidget

from bci_app.contract.errors import SettingsError
from bci_app.ui.background import OnProgress
from bci_app.ui.pages.session_page import (
    Opened,
    SessionPage,
    check_onlooker,
    device_field,
    device_settings,
    open_in_folder,
)
from bci_app.ui.session_window import SessionWindow
from bci_app.ui.views.fields import PathField

if TYPE_CHECKING:
    from bci_app.engine.closing import RunResult

SHIPPED = "the one that comes with the program"
NO_MARKERS = "none: sliding windows, or pictures that this program shows"


class DecodePage(SessionPage):
    """The form of a live reading, and the reading in its place."""

    title = "Decode"
    hint = (
        "Ctrl+Return starts with the stream of the page Connect · everything is recorded · Esc in the session ends it"
    )
    about = (
        "A decoder, made for this participant on the page Calibrate, reads what was seen; the generator that it was made with "
        "draws it. Trials are scored beside the same decoder fed noise and a shuffled pairing; sliding windows belong to no "
        "picture, so they have no score."
    )

    def _rows(self) -> Sequence[tuple[str, QWidget]]:
        current = self.holder.current
        self.decoder = PathField("decoder bundle", "folder of a decoder, see the page Calibrate")
        self.decoder.set_path(current.decoder)
        self.generator = PathField("generator bundle", SHIPPED)
        self.generator.set_path(current.generator)
        self.markers = QLineEdit()
        self.markers.setPlaceholderText(NO_MARKERS)
        self.shows = QCheckBox("and read them trial by trial")
        self.trials = QSpinBox()
        self.trials.setRange(2, 2000)
        self.trials.setValue(64)
        self.trials.setEnabled(False)
        self.shows.toggled.connect(self.trials.setEnabled)
        self.device = device_field(current.device)
        return (
            ("&Decoder", self.decoder),
            ("&Generator", self.generator),
            ("&Marker stream", self.markers),
            ("Show &pictures here", self.shows),
            ("&Trials", self.trials),
            ("De&vice", self.device),
        )

    def entered(self) -> None:
        """Take over what was chosen on other pages."""
        current = self.holder.current
        if current.decoder is not None:
            self.decoder.set_path(current.decoder)
        self.markers.setText("" if current.stream is None else current.stream.markers or "")
        own = self.holder.reads_own_sender()
        if own is not None:
            self.shows.setChecked(own.outlets() is not None)
        super().entered()

    def _opener(self) -> Callable[[OnProgress], Opened]:
        from bci_app.engine.settings import Presentation, SessionSettings, parse_settings

        holder, shows = self.holder, self.shows.isChecked()
        participant, stream = holder.participant(), holder.stream()
        if self.decoder.path is None:
            raise SettingsError(
                "A decoder bundle is needed, since every participant and cap needs its own; none is named. Name its folder under "
                "Decoder, or make one on the page Calibrate (Ctrl+3)."
            )
        device = device_settings(self.device)
        holder.choose(decoder=self.decoder.path, generator=self.generator.path, device=device["device"])
        values = device | {
            "participant": participant,
            "stream": stream.model_copy(update={"markers": self.markers.text().strip() or None}),
            "decoder": self.decoder.path,
            "generator": self.generator.path,
            "presentation": Presentation(n_trials=self.trials.value()) if shows else None,
        }
        settings = parse_settings(SessionSettings, values, "The form of the page Decode")
        own, runs = holder.reads_own_sender(), holder.current.runs
        if shows:
            check_onlooker(own)
        self._started_s = time.time()

        def work(tell: OnProgress) -> Opened:
            from bci_app.engine.opening import open_plan, shown_in
            from bci_app.engine.session import Session

            tell(0, 1, "opening the models")
            plan = open_plan(
                settings, "bci-app", None, own.watermark if own else "", own.outlets() if own and shows else None
            )
            if own is not None and own.code == "replay":
                own.rewind()
                plan.shown = {} if own.recording is None else shown_in(own.recording, plan.generator)
                plan.source_ended, plan.stamps_are_live = own.ended, own.live
            tell(0, 1, "connecting")
            return open_in_folder(runs, "run", plan, Session)

        return work

    def _new_window(self, session: Any) -> SessionWindow:
        from bci_app.ui.main_window import MainWindow

        return MainWindow(session, colours=self.holder.colours, screenshot=session.plan.folder / "window.png")

    def _close(self, session: Any) -> RunResult:
        from bci_app.engine.closing import close_and_report

        return close_and_report(session, self._started_s)

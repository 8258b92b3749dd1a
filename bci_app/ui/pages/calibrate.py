"""Calibrate: pictures are shown and recorded, a decoder is made of that, and its figures say whether it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from bci_app.contract.errors import SettingsError
from bci_app.contract.manifest import DecoderManifest
from bci_app.ui.background import OnProgress, Task
from bci_app.ui.pages.page import Holder
from bci_app.ui.pages.recorded import Made, Recorded, make_decoder, recorded_before, recorded_now, report_task
from bci_app.ui.pages.session_page import Opened, SessionPage, open_in_folder
from bci_app.ui.session_window import SessionWindow
from bci_app.ui.views.calibration_outcome import CalibrationOutcome
from bci_app.ui.views.fields import PathField, choice_field
from bci_app.ui.views.panel import Panel

if TYPE_CHECKING:
    from bci_app.engine.calibration_session import CalibrationSession, CalibrationSettings
    from bci_app.engine.closing import RunResult
    from bci_app.engine.events import Problem

SHIPPED = "the one that comes with the program"
WHERE = (("on a second screen if there is one", "auto"), ("full screen", "full-screen"), ("in this window", "window"))
FAMILIES = ("shapes", "letters", "digits")
SHOWN_SHARE = 2 / 3
"""A picture stays for so much of the time from one to the next."""
BREAK_S = 15.0


class CalibratePage(SessionPage):
    """The form of a calibration, the pictures in its place, then the decoder's figures and what to do with it."""

    title = "Calibrate"
    hint = "Ctrl+Return shows the pictures · then a decoder is made in the background: use it, or show pictures again"
    about = (
        "Pictures are shown one after another while the EEG is recorded; from both a decoder for this participant and this cap "
        "is made within seconds. It is tried on pictures that it was not made with, beside chance, noise and shuffled pictures."
    )
    not_kept = (*SessionPage.not_kept, "Recording")

    def __init__(self, holder: Holder) -> None:
        self._made: Made | None = None
        self._unmade: Recorded | None = None
        self._reporting: Task | None = None
        self.outcome = CalibrationOutcome(holder.colours)
        super().__init__(holder)
        self._results = self._result_panel()
        self._stack.addWidget(self._results)
        self._tell_duration()

    # ------------------------------------------------------------------ the form
    def _rows(self) -> Sequence[tuple[str, QWidget]]:
        self.families = QComboBox()
        for text, families in (("shapes, letters and digits", FAMILIES), *((each, (each,)) for each in FAMILIES)):
            self.families.addItem(text, families)
        self.pictures = PathField("folder of pictures", "the built-in ones above")
        self.generator = PathField("generator bundle", SHIPPED)
        self.generator.set_path(self.holder.current.generator)
        self.n_pictures = QSpinBox()
        self.n_pictures.setRange(20, 2000)
        self.n_pictures.setValue(400)
        self.soa_s = QDoubleSpinBox()
        self.soa_s.setRange(0.4, 10.0)
        self.soa_s.setSingleStep(0.1)
        self.soa_s.setSuffix(" s from one to the next")
        self.soa_s.setValue(0.6)
        self.break_every = QSpinBox()
        self.break_every.setRange(0, 1000)
        self.break_every.setSpecialValueText("no breaks")
        self.break_every.setSuffix(" pictures")
        self.break_every.setValue(100)
        self.where = choice_field("Where pictures are shown", WHERE)
        self.recording = PathField("folder of a calibration", "none: pictures are shown now, and recorded")
        self.photodiode = QCheckBox("a square in the corner, for a photodiode")
        for field in (self.n_pictures, self.break_every):
            field.valueChanged.connect(self._tell_duration)
        self.soa_s.valueChanged.connect(self._tell_duration)
        return (
            ("&Pictures", self.families),
            ("or a &folder", self.pictures),
            ("&Generator", self.generator),
            ("&How many", self.n_pictures),
            ("Pac&e", self.soa_s),
            ("A &break after", self.break_every),
            ("Sho&wn", self.where),
            ("Onset &marks", self.photodiode),
            ("&Recording", self.recording),
        )

    def _settings(self) -> CalibrationSettings:
        """What the form says; SettingsError if it cannot be meant."""
        from bci_app.engine.calibration_session import CalibrationSettings
        from bci_app.engine.settings import parse_settings

        soa_s = round(self.soa_s.value(), 3)
        values = {
            "generator": self.generator.path,
            "device": self.holder.current.device,
            "presentation": {
                "n_trials": self.n_pictures.value(),
                "soa_s": soa_s,
                "show_s": round(SHOWN_SHARE * soa_s, 3),
                "families": self.families.currentData(),
                "folder": self.pictures.path,
            },
            "break_every": self.break_every.value(),
            "break_s": BREAK_S,
            "stimulus": {"where": self.where.currentData(), "photodiode": self.photodiode.isChecked()},
        }
        return parse_settings(CalibrationSettings, values, "The form of the page Calibrate")

    def _tell_duration(self) -> None:
        n, soa_s, every = self.n_pictures.value(), self.soa_s.value(), self.break_every.value()
        seconds = n * soa_s + ((n - 1) // every * BREAK_S if every else 0.0)
        self.result.setText(f"It takes {seconds / 60:.1f} minutes, breaks included.")

    def _opener(self) -> Callable[[OnProgress], Opened]:
        holder = self.holder
        settings = self._settings()
        settings = settings.model_copy(update={"participant": holder.participant(), "stream": holder.stream()})
        own, runs = holder.reads_own_sender(), holder.current.runs
        if own is not None and own.outlets() is None:
            raise SettingsError(
                "A calibration shows pictures to a participant; this stream is a replay, or a participant who reads sentences. "
                "Choose another stream on the page Connect (Ctrl+1)."
            )

        def work(tell: OnProgress) -> Opened:
            from bci_app.engine.calibration_session import CalibrationSession, open_calibration

            tell(0, 1, "opening the generator and the stream")
            plan = open_calibration(
                settings, "Calibration", own.outlets() if own else None, own.watermark if own else ""
            )
            tell(0, 1, "connecting")
            return open_in_folder(runs, "calibration", plan, CalibrationSession)

        return work

    def _new_window(self, session: Any) -> SessionWindow:
        from bci_app.ui.calibration_window import CalibrationWindow

        return CalibrationWindow(session, colours=self.holder.colours)

    def _close(self, session: Any) -> RunResult:
        raise NotImplementedError("a calibration ends with a decoder, not with a report: see `_on_closed`")

    # ------------------------------------------------------------------ the session
    def _on_opened(self, opened: Opened) -> None:
        super()._on_opened(opened)
        if self.window_inside is not None:
            self.window_inside.session_bridge.problem.connect(self._on_problem)

    def _on_problem(self, event: Problem) -> None:
        """In this window no picture is painted behind another page: whoever looks at that one must know."""
        if not self.isVisible():
            self.said.emit(f"{self.title}: {event.message}", "warn")

    # ------------------------------------------------------------------ the end of the pictures
    @property
    def busy(self) -> str | None:
        """What runs here, or waits for a decision."""
        if self._writing is not None:
            return "a decoder is being made"
        if self._made is not None:
            return "a decoder waits to be used or left"
        if self._unmade is not None:
            return "a recording waits for its decoder"
        return super().busy

    def entered(self) -> None:
        """The keys belong to whatever is in front."""
        if self._stack.currentWidget() is self._results:
            self.outcome.setFocus()
        else:
            super().entered()

    def close_page(self) -> None:
        """End the session, and the making of a decoder: the recording stays."""
        if self._writing is not None:
            self._writing.cancel()
        super().close_page()

    def _give_up(self) -> None:
        """Do not wait for what is being opened, or made."""
        task, self._writing = self._writing, None
        if task is None:
            super()._give_up()
            return
        task.cancel()
        self._tell_unmade("The making of the decoder was given up.")

    def _on_closed(self) -> None:
        """The pictures are over: make a decoder of them, if they came to an end."""
        window, self.window_inside = self.window_inside, None
        opened, self._opened = self._opened, None
        if window is None or opened is None:
            return
        self._stack.setCurrentWidget(self._front)
        self._stack.removeWidget(window)
        window.deleteLater()
        session: CalibrationSession = opened.session
        ended, n_shown = session.ended, session.n_shown
        self._reporting = ending = Task(lambda tell: opened.end(), "end of the pictures", parent=self)
        ending.failed.connect(lambda words: self.said.emit(words, "warn"))
        self._run(ending)
        if n_shown:
            self._unmade = recorded_now(session, self.holder.current.participant or "decoder", ending)
            if ended is not None and not ended.fatal:
                self.make()
            else:
                why = "It was closed." if ended is None else ended.reason
                self._tell_unmade(f"{why} {n_shown} pictures were shown.")
            return
        if ended is not None:
            self.said.emit(ended.reason, "warn")
        self._show_state()
        self.start_button.setFocus()

    def start(self) -> None:
        """Show the pictures that the form describes, or make a decoder of the recording that it names."""
        folder = self.recording.path
        if folder is None or self.busy:
            super().start()
            return
        if not folder.is_dir():
            self.said.emit(f"A decoder is made of the folder of a calibration; '{folder}' is none. Name one.", "warn")
            return

        self.recording.set_path(None)
        self._unmade = recorded_before(folder, self.generator.path, self.holder.current.device)
        self.make()

    # ------------------------------------------------------------------ the decoder
    def make(self) -> None:
        """Make a decoder of the pictures that were shown last, and keep it beside their recording."""
        recorded = self._unmade
        if recorded is None or self._writing is not None:
            return

        self._stack.setCurrentWidget(self._front)
        self._writing = task = Task(partial(make_decoder, recorded), "making of a decoder", parent=self)
        task.progressed.connect(self._on_making)
        task.succeeded.connect(self._on_made)
        task.failed.connect(self._on_not_made)
        self._run(task)
        self._show_state("making the decoder")
        self.give_up_button.setFocus()

    def _on_making(self, done: int, total: int, text: str) -> None:
        share = f" ({done} of {total})" if total > 1 else ""
        self._bar.setRange(0, total if total > 1 else 0)
        self._bar.setValue(done)
        self._show_state(f"{text}{share}")

    def _on_made(self, made: Made) -> None:
        recorded, self._unmade = self._unmade, None
        self._writing, self._made = None, made
        self.outcome.show_made(made.result, "" if recorded is None else recorded.onsets)
        self._show_result(made.bundle.folder.parent)

    def _on_not_made(self, words: str) -> None:
        self._writing = None
        self._tell_unmade(words)

    def _tell_unmade(self, why: str) -> None:
        """Say why there is no decoder, and offer what can be done about it."""
        recorded = self._unmade
        if recorded is not None:
            self.outcome.show_unmade(f"{why} No decoder was made.", f"What was recorded is kept in {recorded.folder}.")
            self._show_result(recorded.folder)

    def _show_result(self, folder: Path) -> None:
        """The figures, or why there are none, with the report that the recording has from now on."""
        self._bar.setRange(0, 0)
        self._stack.setCurrentWidget(self._results)
        self._report = None
        self._show_state()
        self.outcome.setFocus()
        self._reporting = task = report_task(folder, self, after=self._reporting)
        task.succeeded.connect(self._on_report)
        task.failed.connect(lambda words: self.said.emit(words, "warn"))
        self._run(task)

    def _on_report(self, report: Path) -> None:
        self._report = report
        self._show_state()

    def _show_state(self, text: str = "") -> None:
        super()._show_state(text)
        self.give_up_button.setVisible(self._opening is not None or self._writing is not None)
        self.outcome.report_button.setVisible(self._report is not None)

    # ------------------------------------------------------------------ what becomes of it
    def use(self) -> None:
        """Choose the decoder for the page Decode."""
        made = self._made
        if made is None:
            return
        self._leave()
        manifest = made.bundle.manifest
        assert isinstance(manifest, DecoderManifest)
        self.holder.choose(decoder=made.bundle.folder, generator=made.generator)
        self.said.emit(
            f"The page Decode (Ctrl+4) reads with decoder '{manifest.name}' now. {made.bundle.folder}", "info"
        )

    def repeat(self) -> None:
        """Leave what there is, and show pictures again."""
        self.leave()
        self.start()

    def leave(self) -> None:
        """Go back to the form; the recording stays, and the decoder beside it if there is one."""
        made, recorded = self._made, self._unmade
        self._leave()
        if made is not None:
            self.said.emit(f"The decoder is not used; it stays beside its recording: {made.bundle.folder}", "info")
        elif recorded is not None:
            self.said.emit(f"What was recorded is kept in {recorded.folder}.", "info")

    def _leave(self) -> None:
        self._made = self._unmade = None
        self._stack.setCurrentWidget(self._front)
        self._show_state()
        self.start_button.setFocus()

    def _result_panel(self) -> QWidget:
        outcome = self.outcome
        outcome.use_wanted.connect(self.use)
        outcome.make_wanted.connect(self.make)
        outcome.repeat_wanted.connect(self.repeat)
        outcome.leave_wanted.connect(self.leave)
        outcome.report_wanted.connect(self._open_report)
        framed = Panel("What came of the pictures", outcome)
        framed.set_detail("a decoder is tried on pictures that it was not made with")
        panel = QWidget()
        QVBoxLayout(panel).addWidget(framed)
        return panel

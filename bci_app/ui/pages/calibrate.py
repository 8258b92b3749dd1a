"""Calibrate: pictures are shown and recorded, a decoder is made of that, and its figures say whether it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from bci_app.contract.errors import SettingsError
from bci_app.ui import theme
from bci_app.ui.background import OnProgress, Task
from bci_app.ui.pages.page import Holder
from bci_app.ui.pages.session_page import Opened, SessionPage, open_in_folder
from bci_app.ui.session_window import SessionWindow
from bci_app.ui.views.calibration_result import CalibrationResultView
from bci_app.ui.views.fields import PathField, choice_field
from bci_app.ui.views.panel import Panel

if TYPE_CHECKING:
    from bci_app.contract.bundle import Bundle
    from bci_app.engine.calibration_run import CalibrationResult
    from bci_app.engine.calibration_session import CalibrationPlan, CalibrationSession, CalibrationSettings
    from bci_app.engine.closing import RunResult

SHIPPED = "the one that comes with the program"
WHERE = (("on a second screen if there is one", "auto"), ("full screen", "full-screen"), ("in this window", "window"))
FAMILIES = ("shapes", "letters", "digits")
SHOWN_SHARE = 2 / 3
"""A picture stays for so much of the time from one to the next."""
BREAK_S = 15.0
_REPEAT, _DISCARD, _USE = "Repeat", "Discard", "Use it"


@dataclass(frozen=True, slots=True)
class Made:
    """A decoder that waits for a decision, and the plan of the session that it was made of."""

    result: CalibrationResult
    plan: CalibrationPlan
    onsets: str


class CalibratePage(SessionPage):
    """The form of a calibration, the pictures in its place, then the decoder's figures and what to do with it."""

    title = "Calibrate"
    hint = "Ctrl+Return shows the pictures · then a decoder is made in the background · Use it, Repeat or Discard"
    about = (
        "Pictures are shown one after another while the EEG is recorded; from both a decoder for this participant and this cap "
        "is made within seconds. It is tried on pictures that it was not made with, beside chance, noise and shuffled pictures."
    )

    def __init__(self, holder: Holder) -> None:
        self._made: Made | None = None
        self._kept: Task | None = None
        super().__init__(holder)
        self.result_view = CalibrationResultView(holder.colours)
        self._stack.addWidget(self._result_panel())
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

    # ------------------------------------------------------------------ the decoder
    @property
    def busy(self) -> str | None:
        """What runs here, or waits for a decision."""
        if self._writing is not None:
            return "a decoder is being made"
        if self._made is not None:
            return "a decoder waits to be used or discarded"
        return super().busy

    def entered(self) -> None:
        """The keys belong to whatever is in front."""
        if self._made is not None:
            self.use_button.setFocus()
        else:
            super().entered()

    def start(self) -> None:
        """Show the pictures that the form describes; a decoder that waits is discarded only by its own button."""
        if self._made is None:
            super().start()

    def close_page(self) -> None:
        """End the session, and the making of a decoder: the recording stays."""
        if self._writing is not None:
            self._writing.cancel()
        super().close_page()

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
        session.stop()
        opened.undo.close()
        if session.ended is None or session.ended.fatal:
            why = "It was closed" if session.ended is None else session.ended.reason.rstrip(".")
            self.said.emit(
                f"{why}, after {session.n_shown} pictures; no decoder was made. What was recorded is in {session.plan.folder}.",
                "warn",
            )
            self._show_state()
            return
        self._make(session)

    def _make(self, session: CalibrationSession) -> None:
        plan, onsets, name = session.plan, session.onsets, self.holder.current.participant or "decoder"

        def work(tell: OnProgress) -> Made:
            from bci_app.engine.calibration_run import run_calibration
            from bci_app.engine.calibration_session import request_of

            result = run_calibration(request_of(plan, name), tell, "bci-app app, page Calibrate")
            late = f"{onsets.late} of {onsets.n} onsets were late by a frame or more ({onsets.p99_ms:.1f} ms at p99)"
            return Made(result, plan, late)

        self._writing = task = Task(work, "making of a decoder", parent=self)
        task.progressed.connect(self._on_making)
        task.succeeded.connect(self._on_made)
        task.failed.connect(self._on_not_made)
        self._run(task)
        self._show_state("making the decoder")

    def _on_making(self, done: int, total: int, text: str) -> None:
        share = f" ({done} of {total})" if total > 1 else ""
        self._show_state(f"{text}{share}")

    def _on_made(self, made: Made) -> None:
        self._writing, self._made = None, made
        self.result_view.show_result(made.result, made.onsets)
        self.use_button.setText(_USE if made.result.convincing else f"{_USE} all the same")
        self._stack.setCurrentWidget(self._results)
        self._show_state()
        self.use_button.setFocus()

    def _on_not_made(self, words: str) -> None:
        self._writing = None
        self.said.emit(f"No decoder was made; the recording is kept. {words}", "warn")
        self._show_state()

    # ------------------------------------------------------------------ what becomes of it
    def use(self) -> None:
        """Keep the decoder beside its recording, and choose it for the page Decode."""
        made = self._made
        if made is None or self._kept is not None:
            return
        place = Path(str(made.plan.folder)) / "decoder"

        def work(tell: OnProgress) -> Bundle:
            from bci_app.engine.calibration_run import keep

            return keep(made.result, place)

        self._kept = task = Task(work, "keeping of a decoder", parent=self)
        task.succeeded.connect(self._on_kept)
        task.failed.connect(self._on_not_kept)
        self._run(task)

    def repeat(self) -> None:
        """Forget the decoder, keep the recording, and show pictures again."""
        self.discard()
        self.start()

    def discard(self) -> None:
        """Forget the decoder; the recording stays."""
        made, self._made = self._made, None
        self._stack.setCurrentWidget(self._front)
        if made is not None:
            self.said.emit(f"The decoder is discarded; its recording stays in {made.plan.folder}.", "info")
        self._show_state()
        self.start_button.setFocus()

    def _on_kept(self, bundle: Bundle) -> None:
        made, self._made, self._kept = self._made, None, None
        self._stack.setCurrentWidget(self._front)
        self.holder.choose(decoder=bundle.folder, generator=None if made is None else made.plan.settings.generator)
        self.said.emit(
            f"Decoder '{bundle.manifest.name}' is chosen; the page Decode reads with it. {bundle.folder}", "info"
        )
        self._show_state()

    def _on_not_kept(self, words: str) -> None:
        self._kept = None
        self.said.emit(words, "warn")

    def _result_panel(self) -> QWidget:
        self.use_button, self.repeat_button, self.discard_button = (
            QPushButton(text) for text in (_USE, _REPEAT, _DISCARD)
        )
        buttons = QHBoxLayout()
        for button, action in (
            (self.use_button, self.use),
            (self.repeat_button, self.repeat),
            (self.discard_button, self.discard),
        ):
            button.clicked.connect(action)
            button.setAutoDefault(True)
            buttons.addWidget(button)
        buttons.addStretch(1)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setSpacing(theme.GAP_PX * 2)
        column.addWidget(self.result_view)
        column.addLayout(buttons)
        column.addStretch(1)
        self._results = QWidget()
        QVBoxLayout(self._results).addWidget(Panel("The decoder on pictures that it was not made with", content))
        return self._results

"""Signal: the connected stream as it comes, how good each channel is, and which are marked bad."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from bci_app.contract.errors import BciError
from bci_app.engine.events import Finished, Problem, StreamChanged
from bci_app.engine.viewing import view_delay
from bci_app.engine.views import SignalSnapshot, Status
from bci_app.engine.workplace import Workplace
from bci_app.ui import theme
from bci_app.ui.background import OnProgress, Task
from bci_app.ui.monitor_bridge import MonitorBridge
from bci_app.ui.pages.monitor import end_monitor, open_monitor
from bci_app.ui.pages.page import Holder, Page
from bci_app.ui.pages.session_page import GIVEN_UP_S, WRITING_S, Opened
from bci_app.ui.session_window import splitter
from bci_app.ui.views.band_map import BandMap
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.quality import QualityView
from bci_app.ui.views.signal import SignalView
from bci_app.ui.views.spectrum import SpectrumView
from bci_app.ui.views.text import PlainLabel
from bci_app.ui.views.view_form import ViewForm

if TYPE_CHECKING:
    from bci_app.engine.monitor_session import MonitorSession, SignalLook

REPLAY = "REPLAY"
REPLAY_WAITS = "A replay begins when somebody listens. Press Enter on “Show the signal” to play it here."
NO_STREAM = "No signal is shown. Choose a stream on the page Connect (Ctrl+1)."


class SignalPage(Page):
    """The signal at the left; quality, spectrum and topography at the right.

    Parameters
    ----------
    holder : Holder
        The workplace.
    """

    title = "Signal"
    hint = "+ and − scale · ← and → length · Space holds still · ↑ and ↓ choose a channel · Delete marks it bad or good"

    def __init__(self, holder: Holder) -> None:
        super().__init__(holder)
        self.session: MonitorSession | None = None
        self._bridge: MonitorBridge | None = None
        self._task: Task | None = None
        self._tasks: list[Task] = []
        self._look: SignalLook | None = None
        self._troubled = False  # of the stream something is told
        self._was_shown = False  # when a recording was asked for
        self._stream = holder.current.stream
        self._make_widgets()
        self._lay_out()
        self._connect()
        self._say_idle(NO_STREAM)

    # ------------------------------------------------------------------ building
    def _make_widgets(self) -> None:
        colours = self.holder.colours
        self.form = ViewForm()
        self.idle = PlainLabel("", wrap=True)
        self.show_button = QPushButton("Show the signal")
        self.signal_view = SignalView(colours)
        self.quality_view = QualityView(colours)
        self.spectrum_view = SpectrumView(colours)
        self.band_map = BandMap(colours, self.holder.current.view.map_band)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP_PX)
        layout.addWidget(self.form)
        layout.addWidget(self.idle)
        layout.addWidget(self.show_button, 0, Qt.AlignmentFlag.AlignLeft)
        self.signal_panel = Panel("Signal", self.signal_view)
        self.quality_panel = Panel("Channels", self.quality_view)
        self.spectrum_panel = Panel("Spectrum as shown", self.spectrum_view)
        self.topography_panel = Panel("Power over the head", self.band_map)
        below = splitter(Qt.Orientation.Horizontal, (self.spectrum_panel, 50), (self.topography_panel, 50))
        side = splitter(Qt.Orientation.Vertical, (self.quality_panel, 50), (below, 50))
        layout.addWidget(splitter(Qt.Orientation.Horizontal, (self.signal_panel, 58), (side, 42)), 1)

    def _connect(self) -> None:
        self.holder.changed.connect(self._on_workplace)
        self.form.changed.connect(self._on_choice)
        self.form.mode_changed.connect(self._on_mode)
        self.form.record_wanted.connect(self.record)
        self.show_button.clicked.connect(lambda: self.begin(self.form.record.isChecked()))
        self.quality_view.selected.connect(lambda channel: self._draw_look())
        self.quality_view.mark_wanted.connect(self.toggle_bad)
        self.quality_view.marks_wanted.connect(self.mark_judged)
        self.band_map.band_changed.connect(lambda band: self._keep(map_band=band))
        table = self.quality_view.table  # Space and arrows mean something else to buttons and lists
        keys: tuple[tuple[QWidget, str, Callable[[], object]], ...] = (
            *((self, key, lambda: self._scale(True)) for key in "+="),
            (self, "-", lambda: self._scale(False)),
            (table, "Right", lambda: self._span(True)),
            (table, "Left", lambda: self._span(False)),
            (table, "Space", self.toggle_frozen),
            (table, "Delete", lambda: self.toggle_bad(self.quality_view.channel)),
        )
        for owner, key, action in keys:
            shortcut = QShortcut(QKeySequence(key), owner, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)

    # ------------------------------------------------------------------ the page's life
    @property
    def busy(self) -> str | None:
        """A recording is something to lose."""
        return "The recording of the signal" if self._folder() is not None else None

    def entered(self) -> None:
        """Show the signal, unless that would begin a replay that another page is to read."""
        self.quality_view.table.setFocus()
        if self.session is not None or self._task is not None or self.holder.current.stream is None:
            return
        sender = self.holder.reads_own_sender()
        if sender is not None and sender.watermark == REPLAY:
            self._say_idle(REPLAY_WAITS)
            return
        self.begin(record=False)

    def left(self) -> None:
        """Let go of the stream, unless it is recorded."""
        if self._folder() is None:
            self.end()

    def close_page(self) -> None:
        """End the session; behind, it is stopped and its report written."""
        self.end()

    def finish(self) -> None:
        """Wait for the report of what was recorded, and a moment for what was given up."""
        for task in self._tasks:
            task.join(GIVEN_UP_S if task.cancelled else WRITING_S)

    def record(self, wanted: bool) -> None:
        """Begin to record, or end it and go on showing the signal."""
        recorded = self._folder()
        self.begin(wanted)
        if recorded is not None:
            self.said.emit(f"The signal was recorded in '{recorded}'.", "info")

    def begin(self, record: bool) -> None:
        """Open the chosen stream in the background and show it; if it is shown already, begin anew."""
        try:
            stream = self.holder.stream()
            participant = self.holder.participant() if record else self.holder.current.participant
        except BciError as error:
            self.form.record.setChecked(self._folder() is not None)
            self.said.emit(str(error), "warn")
            return
        shown = self.session is not None
        self._was_shown = shown and record
        self.end()
        sender, runs = self.holder.reads_own_sender(), self.holder.current.runs

        def work(tell: OnProgress) -> Opened:
            return open_monitor(stream, participant, sender, runs if record else None)

        self._stream = self.holder.current.stream
        self._task = task = Task(work, "opening of the signal", discard=Opened.let_go, parent=self)
        task.succeeded.connect(lambda opened: self._opened(opened.session))
        task.failed.connect(self._refused)
        self.form.record.setChecked(record)
        self._say_idle("" if shown else f"Looking for stream '{stream.name}'.")  # no line that comes and goes
        self._run(task)

    def _run(self, task: Task) -> None:
        self._tasks = [*(each for each in self._tasks if each.running), task]
        task.start()

    def end(self) -> None:
        """Stop showing, and recording; or give up opening. May be called twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        session, self.session = self.session, None
        bridge, self._bridge = self._bridge, None
        if session is not None and bridge is not None:
            bridge.close()
            ending = Task(lambda tell: end_monitor(session), "end of the signal", parent=self)
            ending.failed.connect(lambda words: self.said.emit(words, "warn"))
            ending.ended.connect(bridge.deleteLater)  # until then its threads may call it
            self._run(ending)
        self.form.record.setChecked(False)
        self.signal_panel.set_badge("")
        self._say_idle(NO_STREAM if self.holder.current.stream is None else "The signal is not shown.")

    def _opened(self, session: MonitorSession) -> None:
        self._task, self.session, self._look = None, session, None
        self._show_as_before(session)
        self.quality_view.show_quality(session.shown_channels, (), session.bad)
        bridge = self._bridge = MonitorBridge(session, self)
        bridge.stops_session = False  # that may take a second, see `end`
        bridge.stream_changed.connect(self._on_stream)
        bridge.problem.connect(self._on_problem)
        bridge.finished.connect(self._on_finished)
        bridge.signal_polled.connect(self._on_signal)
        bridge.status_polled.connect(self._on_status)
        bridge.looked.connect(self._on_look)
        bridge.span_s = self.signal_view.span_s
        self._tell_wanted()
        self.signal_panel.set_badge(session.plan.watermark)
        self._say_idle("")
        self._show_as_chosen()
        self._show_marks()
        bridge.start()

    def _show_as_before(self, session: MonitorSession) -> None:
        """Everything as it was shown the last time, as far as the stream can have it."""
        view = self.holder.current.view
        self.form.set_stream(session.plan.channels, session.plan.sfreq)
        self.form.set_view(view)
        self.signal_view.set_words(session.signal)
        if session.plan.unit == "uV":
            self.signal_view.set_window(view.scale_uv, view.span_s)
        self.signal_view.set_sweeps(view.sweeps)

    def _refused(self, words: str) -> None:
        """Say why; what was shown when a recording was asked for is shown again."""
        self.end()
        if self._was_shown:
            self.begin(record=False)
        self.said.emit(words, "warn")

    def _folder(self) -> Path | None:
        """Where the signal is recorded."""
        return None if self.session is None else self.session.plan.folder

    def _say_idle(self, words: str) -> None:
        self.idle.setText(words)
        self.idle.setVisible(bool(words))
        self.show_button.setVisible(bool(words) and self._task is None and self.holder.current.stream is not None)

    # ------------------------------------------------------------------ Qt
    def hideEvent(self, event: QHideEvent) -> None:
        """Fetch nothing that nobody can see."""
        super().hideEvent(event)
        self._tell_wanted()

    def showEvent(self, event: QShowEvent) -> None:
        """Fetch it again."""
        super().showEvent(event)
        self._tell_wanted()

    # ------------------------------------------------------------------ what comes from the session
    def _on_stream(self, event: StreamChanged) -> None:
        trouble = event.state in ("stale", "lost", "searching")
        if trouble or self._troubled:  # else there may stand something that has nothing to do with the stream
            self.said.emit(event.message if trouble else "", "warn" if trouble else "info")
        self._troubled = trouble

    def _on_problem(self, event: Problem) -> None:
        self.said.emit(event.message, "warn")

    def _on_finished(self, event: Finished) -> None:
        recorded = self._folder()
        self.end()
        where = f" What was recorded is in '{recorded}'." if recorded else ""
        self.said.emit(event.reason + where, "warn" if event.fatal else "info")

    def _on_signal(self, snapshot: SignalSnapshot | None) -> None:
        before = self.signal_view.scale
        self.signal_view.show_snapshot(snapshot)
        if self.signal_view.scale != before:
            self._describe()

    def _on_status(self, status: Status) -> None:
        self.holder.stream_told.emit(status.stream, status.stream_ok)
        self.signal_panel.set_badge(" · ".join(filter(None, (status.watermark, status.progress))))

    def _on_look(self, look: SignalLook) -> None:
        self._look = look
        if self.session is not None:
            self.quality_view.show_quality(look.channels, look.quality, self.session.bad)
        self._draw_look()

    def _draw_look(self) -> None:
        """Spectrum and map of the last look, for the channel and the band that are chosen."""
        look, name = self._look, self.quality_view.channel
        if look is None or look.spectrum is None:
            return
        if name in look.channels:
            self.spectrum_view.show_spectrum(look.spectrum, look.channels.index(name), name)
        self.band_map.show_look(look)

    # ------------------------------------------------------------------ what the person asks
    def toggle_frozen(self) -> None:
        """Hold the signal still, or let it run."""
        self.signal_view.set_frozen(not self.signal_view.frozen)
        self._tell_wanted()
        self._describe()

    def _tell_wanted(self) -> None:
        """Nothing is fetched that nobody can see; the session goes on."""
        if self._bridge is not None:
            self._bridge.looks_wanted = self.isVisible()
            self._bridge.signal_wanted = self.isVisible() and not self.signal_view.frozen

    def toggle_bad(self, channel: str) -> None:
        """Mark a channel bad, or take its mark away."""
        if self.session is not None and channel:
            marked = self.session.bad
            without = tuple(name for name in marked if name != channel)
            self._mark(self.session, without if channel in marked else (*marked, channel))

    def mark_judged(self) -> None:
        """Mark every channel that is judged bad now."""
        if self.session is not None and self._look is not None:
            judged = [each.channel for each in self._look.quality if each.grade == "bad"]
            self._mark(self.session, tuple(dict.fromkeys((*self.session.bad, *judged))))

    def _mark(self, session: MonitorSession, channels: tuple[str, ...]) -> None:
        """Bad channels are kept with the session, and for this stream until the marks are taken away."""
        try:
            session.mark_bad(channels)
            self.holder.choose(bad_channels=self.holder.current.with_bad(channels))
        except BciError as error:
            self.said.emit(str(error), "warn")
        self._show_marks()

    def _show_marks(self) -> None:
        if self.session is not None:
            self.signal_view.set_bad(self.session.bad)
            if self._look is not None:
                self.quality_view.show_quality(self._look.channels, self._look.quality, self.session.bad)

    def _keep(self, **fields: Any) -> None:
        """Remember how the signal is shown."""
        self.holder.choose(view=self.holder.current.view.model_copy(update=fields))

    def _on_choice(self) -> None:
        form = self.form
        if self._show_as_chosen():
            self._keep(
                band=form.band.currentData(), notch_hz=form.notch.currentData(), reference=form.reference.currentData()
            )

    def _on_mode(self) -> None:
        self.signal_view.set_sweeps(self.form.sweeps)
        self._keep(sweeps=self.form.sweeps)

    def _show_as_chosen(self) -> bool:
        """Filter as the form says; False if that cannot be, and the form is as before."""
        session, shown = self.session, True
        if session is None:
            return True
        try:
            session.show_as(replace(self.form.choice(), bad=session.bad))
        except BciError as error:
            self.form.set_choice(session.view)
            self.said.emit(str(error), "warn")
            shown = False
        self.form.say_delay(*view_delay(session.view_spec, session.view.band_hz))
        low, _ = session.view.band_hz
        self.signal_view.set_centred(session.plan.unit != "uV" or low is None)
        self._describe()
        return shown

    def _scale(self, larger: bool) -> None:
        scale = self.signal_view.change_scale(larger)
        self._describe()
        if self._of_eeg:
            self._keep(scale_uv=scale)

    def _span(self, longer: bool) -> None:
        span_s = self.signal_view.change_span(longer)
        if self._bridge is not None:
            self._bridge.span_s = span_s
        if self._of_eeg:
            self._keep(span_s=span_s)

    @property
    def _of_eeg(self) -> bool:
        """Whether scale and length are those of EEG: what is shown of slower signals has its own."""
        return self.session is None or self.session.plan.unit == "uV"

    def _describe(self) -> None:
        held = "held still, " if self.signal_view.frozen else ""
        self.signal_panel.set_detail(f"{held}{self.signal_view.scale_text} per row")

    def _on_workplace(self, workplace: Workplace) -> None:
        """Another stream was chosen elsewhere: what is shown ends."""
        if workplace.stream != self._stream and self._folder() is None:
            self._stream = workplace.stream
            self.end()

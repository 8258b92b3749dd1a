"""What came of a calibration, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.calibration_result import CalibrationResultView

if TYPE_CHECKING:
    from bci_app.engine.calibration_run import CalibrationResult

_USE = "Use it"


class CalibrationOutcome(QWidget):
    """The figures of a decoder, or why there is none, over the buttons that go with it.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    use_wanted = Signal()
    make_wanted = Signal()
    repeat_wanted = Signal()
    leave_wanted = Signal()
    report_wanted = Signal()

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__()
        self.result_view = CalibrationResultView(colours)
        self.use_button, self.make_button = QPushButton(_USE), QPushButton("Make a decoder of it")
        self.repeat_button, self.leave_button = QPushButton("Show pictures again"), QPushButton("Leave it")
        self.report_button = QPushButton("Open the report")
        self.report_button.hide()
        buttons = QHBoxLayout()
        for button, wanted in (
            (self.use_button, self.use_wanted),
            (self.make_button, self.make_wanted),
            (self.repeat_button, self.repeat_wanted),
            (self.leave_button, self.leave_wanted),
            (self.report_button, self.report_wanted),
        ):
            button.clicked.connect(lambda checked=False, wanted=wanted: wanted.emit())
            button.setAutoDefault(True)
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setSpacing(theme.GAP_PX * 2)
        column.addWidget(self.result_view)
        column.addLayout(buttons)
        column.addStretch(1)

    def show_made(self, result: CalibrationResult, onsets: str) -> None:
        """Show a decoder that is there; `onsets` as in `CalibrationResultView.show_result`."""
        self.result_view.show_result(result, onsets)
        self.use_button.setText(_USE if result.convincing else f"{_USE} all the same")
        self._offer(self.use_button, self.make_button)
        if not result.convincing:
            self.setFocusProxy(self.repeat_button)

    def show_unmade(self, why: str, facts: str) -> None:
        """Say why there is no decoder, and offer to make one."""
        self.result_view.show_unmade(why, facts)
        self._offer(self.make_button, self.use_button)

    def _offer(self, button: QPushButton, other: QPushButton) -> None:
        button.show()
        other.hide()
        self.setFocusProxy(button)

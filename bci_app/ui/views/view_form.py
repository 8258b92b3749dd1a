"""How the signal is shown: band, line filter, reference, scrolling or sweeping, and how late the filters show it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QWidget

from bci_app.engine.viewing import AS_STREAMED, AVERAGE, NOTCHES_HZ, VIEW_BANDS_HZ, ViewChoice, fitting_bands
from bci_app.engine.workplace import View
from bci_app.ui import theme
from bci_app.ui.views.fields import choice_field
from bci_app.ui.views.text import ElidedLabel, PlainLabel

USUAL_BAND = "1 to 40 Hz"
MODES = (("scroll", False), ("sweep", True))


class ViewForm(QWidget):
    """A row of fields; what a stream cannot have is not offered."""

    changed = Signal()
    """Band, line filter or reference."""
    mode_changed = Signal()
    record_wanted = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.band = choice_field("Band", [(name, name) for name in VIEW_BANDS_HZ], USUAL_BAND)
        self.notch = choice_field("Line filter", _notches(1000.0))
        self.reference = choice_field("Reference", _references(()))
        self.mode = choice_field("Mode", MODES)
        self.record = QCheckBox("Reco&rd")
        self._delay = ElidedLabel("", points=theme.SMALL_PT, muted=True)
        for field in (self.band, self.notch, self.reference):
            field.activated.connect(lambda index: self.changed.emit())
        self.mode.activated.connect(lambda index: self.mode_changed.emit())
        self.record.clicked.connect(self.record_wanted)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP_PX // 2)
        named = (("&Band", self.band), ("Li&ne", self.notch), ("Re&ference", self.reference), ("&Mode", self.mode))
        for name, field in named:
            label = PlainLabel(name)
            label.setBuddy(field)
            layout.addWidget(label)
            layout.addWidget(field)
        layout.addWidget(self._delay, 1)
        layout.addWidget(self.record)

    @property
    def delay(self) -> str:
        """How late the filters show the band of interest, in words."""
        return self._delay.text()

    @property
    def sweeps(self) -> bool:
        """Whether new samples are to overwrite old ones in place."""
        return bool(self.mode.currentData())

    def choice(self) -> ViewChoice:
        """What is chosen, without the channels that are bad."""
        return ViewChoice(
            VIEW_BANDS_HZ[self.band.currentData()], self.notch.currentData(), self.reference.currentData()
        )

    def set_stream(self, channels: tuple[str, ...], sfreq: float) -> None:
        """Offer what a stream can have; what was chosen stays, if it can."""
        _offer(self.band, [(name, name) for name in fitting_bands(sfreq)])
        _offer(self.notch, _notches(sfreq))
        _offer(self.reference, _references(channels))

    def set_choice(self, choice: ViewChoice) -> None:
        """Show a choice, such as the one before, after another was refused; nothing is told."""
        bands = [band for band in VIEW_BANDS_HZ if VIEW_BANDS_HZ[band] == choice.band_hz]
        self._set(bands[0], choice.notch_hz, choice.reference)

    def set_view(self, view: View) -> None:
        """Show what was kept, as far as the stream can have it; nothing is told."""
        self._set(view.band, view.notch_hz, view.reference)
        self.mode.setCurrentIndex(self.mode.findData(view.sweeps))

    def _set(self, band: str, notch_hz: float | None, reference: str) -> None:
        for field, value in ((self.band, band), (self.notch, notch_hz), (self.reference, reference)):
            field.setCurrentIndex(max(field.findData(value), 0))

    def say_delay(self, delay_s: float, at_hz: float) -> None:
        """Write by how much the filters of the view come late."""
        late = f"Delay {1000 * delay_s:.0f} ms at {at_hz:.2g} Hz"
        self._delay.setText(late if delay_s else "No delay")


def _notches(sfreq: float) -> list[tuple[str, float | None]]:
    return [("none", None), *((f"{hz:g} Hz", hz) for hz in NOTCHES_HZ if hz < sfreq / 2)]


def _references(channels: tuple[str, ...]) -> list[tuple[str, str]]:
    average = [("average", AVERAGE)] if len(channels) != 1 else []
    return [("as streamed", AS_STREAMED), *average, *((name, name) for name in channels)]


def _offer(field: QComboBox, options: list[tuple[str, str]] | list[tuple[str, float | None]]) -> None:
    before = field.currentData()
    field.clear()
    for text, value in options:
        field.addItem(text, value)
    field.setCurrentIndex(max(field.findData(before), 0))

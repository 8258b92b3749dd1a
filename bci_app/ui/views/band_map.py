"""The power of one band over the head: which band, the map, and which channels cannot be in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from bci_app.contract.checks import listed
from bci_app.engine.spectrum import BANDS_HZ
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.fields import choice_field
from bci_app.ui.views.spectrum import decibels
from bci_app.ui.views.text import PlainLabel
from bci_app.ui.views.topography import TopographyView

if TYPE_CHECKING:
    from bci_app.engine.monitor_session import SignalLook


class BandMap(QWidget):
    """A map with the choice of its band.

    Parameters
    ----------
    colours : Theme
        Appearance.
    band : str
        One of `BANDS_HZ`, chosen at first.
    """

    band_changed = Signal(str)

    def __init__(self, colours: Theme = theme.DARK, band: str = "alpha") -> None:
        super().__init__()
        self._look: SignalLook | None = None
        self.topography_view = TopographyView(colours)
        self.unplaced = PlainLabel("", points=theme.SMALL_PT, muted=True, wrap=True)
        self.unplaced.hide()
        self.band = choice_field("Band of the map", [(name, name) for name in BANDS_HZ], band)
        self.band.activated.connect(lambda index: self._on_band())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.topography_view, 1)
        layout.addWidget(self.unplaced)
        layout.addWidget(self.band)

    def show_look(self, look: SignalLook) -> None:
        """Show the power of the chosen band in the last seconds."""
        if look.spectrum is None:
            return
        self._look = look
        low, high = BANDS_HZ[self.band.currentData()]
        if look.head is None or low >= look.spectrum.freqs_hz[-1]:
            self.topography_view.show_map(None, look.spectrum.freqs_hz, "")
            return
        rows = [look.channels.index(channel) for channel in look.head.channels]
        power = decibels(look.spectrum.power(low, high)[rows])
        self.topography_view.show_map(look.head, power, f"{low:g} to {high:g} Hz, dB of 1 µV²")
        unknown = look.electrodes.unknown
        self.unplaced.setText(f"No place known: {listed(unknown)}" if unknown else "")
        self.unplaced.setVisible(bool(unknown))

    def _on_band(self) -> None:
        if self._look is not None:
            self.show_look(self._look)
        self.band_changed.emit(self.band.currentData())

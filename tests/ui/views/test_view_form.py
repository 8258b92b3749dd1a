"""The form of the view offers what a stream can have, and shows what was kept as far as that goes."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from bci_app.engine.viewing import AS_STREAMED
from bci_app.engine.workplace import View
from bci_app.ui.views.view_form import ViewForm


def test_what_was_kept_is_shown_as_far_as_the_stream_can_have_it(qapp: QApplication) -> None:
    form = ViewForm()
    kept = View(band="gamma", notch_hz=60.0, reference="Oz", sweeps=True)
    form.set_stream(("Cz", "Oz"), 200.0)
    form.set_view(kept)
    assert (form.choice().band_hz, form.choice().notch_hz, form.choice().reference) == ((30.0, 80.0), 60.0, "Oz")
    assert form.sweeps
    form.set_stream(("Cz", "Pz"), 100.0)
    form.set_view(kept)
    assert (form.choice().band_hz, form.choice().notch_hz, form.choice().reference) == ((None, None), None, AS_STREAMED)
    form.deleteLater()

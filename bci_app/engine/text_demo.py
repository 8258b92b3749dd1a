"""The demo of reading: a simulated participant reads sentences of its own, and they are read live from its EEG."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from pydantic import model_validator

from bci_app.bundles import shipped
from bci_app.contract.errors import SettingsError
from bci_app.engine.demo import OnProgress, another_day
from bci_app.engine.settings import Frozen
from bci_app.engine.text_plan import SHIPPED, TextPlan, open_text_decoder
from bci_app.engine.text_settings import TextSettings
from bci_app.simulation.process import ParticipantProcess
from bci_app.simulation.settings import SIMULATED_READER, ParticipantSettings


class TextDemoSettings(Frozen):
    """The demo: who reads, and how it is read.

    Attributes
    ----------
    participant : ParticipantSettings
        With `reading`. With ``information: 0`` its EEG tells nothing of the words, only when they come: the control.
    session : TextSettings
        Its decoder is the one that comes with the program, unless another is named.
    """

    participant: ParticipantSettings = SIMULATED_READER
    session: TextSettings = TextSettings(n_sentences=24)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.participant.reading is None:
            raise SettingsError("The participant of this demo reads sentences; its reading cannot be null.")
        return self


@contextmanager
def text_demo_plan(settings: TextDemoSettings, folder: Path, on_progress: OnProgress) -> Iterator[TextPlan]:
    """Wake the participant and give the plan of the session; the participant ends with the block.

    LSL must have been confined to this machine before (`streams.network.use_config`): child processes inherit it.

    Parameters
    ----------
    settings : TextDemoSettings
        Who and how.
    folder : Path
        Where the run is kept; must exist.
    on_progress : callable
        Called with (done, total, text).

    Raises
    ------
    BundleError, SettingsError, DeviceError
        As `open_text_decoder`.
    StreamError
        If the participant does not start.
    """
    on_progress(0, 1, "opening the model")
    session = settings.session
    session = session.model_copy(update={"decoder": session.decoder or shipped(SHIPPED)})
    decoder = open_text_decoder(session)
    on_progress(0, 1, "waking the participant")
    own = another_day(settings.participant)
    told = own.reading is not None and own.reading.information > 0
    with ParticipantProcess(own):
        stream = session.stream.model_copy(
            update={"source_id": own.source_id, "markers": own.marker_name, "timeout_s": 15.0}
        )
        yield TextPlan(
            session.model_copy(update={"stream": stream}),
            "bci-app demo: simulated reader" + ("" if told else ", without information"),
            decoder,
            folder,
            watermark="SIMULATED PARTICIPANT",
        )

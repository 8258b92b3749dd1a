"""Evolve: pictures evolve towards those that drive a response of the chosen stream, of a person, or of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QCheckBox, QLineEdit, QSpinBox, QWidget

from bci_app.contract.errors import SettingsError
from bci_app.ui.background import OnProgress
from bci_app.ui.pages.decode import DEVICES, SHIPPED
from bci_app.ui.pages.session_page import Opened, SessionPage, open_in_folder
from bci_app.ui.session_window import SessionWindow
from bci_app.ui.views.fields import PathField, choice_field

if TYPE_CHECKING:
    from bci_app.engine.closing import RunResult

RESPONSES = (
    ("amplitude of EEG channels", "component"),
    ("rate of neurons", "rate"),
    ("rating by a person", "rating"),
    ("unit of the classifier that comes with the program", "unit"),
)
STREAMED = ("component", "rate")
SHAMS = (("none", "off"), ("scores dealt at random", "on"), ("blind: perhaps", "blind"))
WHERE = (("second screen, if there is one", "auto"), ("full screen", "full-screen"), ("in this window", "window"))


class EvolvePage(SessionPage):
    """The form of an evolution, and the evolution in its place."""

    title = "Evolve"
    hint = "Ctrl+Return starts · Esc, Space or S in the session stops all pictures at once · everything is recorded"
    about = (
        "Pictures with high responses have offspring. Natural pictures and pictures that nobody selected are shown among them; "
        "the evolution has found something if it drives the response beyond both, and a sham does not. Ask the participant "
        "about photosensitive epilepsy before pictures are shown."
    )

    def _rows(self) -> Sequence[tuple[str, QWidget]]:
        current = self.holder.current
        self.response = choice_field("Response", RESPONSES)
        self.response.currentIndexChanged.connect(self._show_needs)
        self.channels = QLineEdit("Pz")
        self.generations = QSpinBox()
        self.generations.setRange(1, 1000)
        self.generations.setValue(15)
        self.sham = choice_field("Sham", SHAMS)
        self.where = choice_field("Pictures", WHERE)
        self.generator = PathField("generator bundle", SHIPPED)
        self.generator.set_path(current.generator)
        self.device = choice_field("Device", DEVICES, current.device)
        self.require_gpu = QCheckBox("refuse to run on anything else")
        return (
            ("&Response", self.response),
            ("&Channels", self.channels),
            ("Ge&nerations", self.generations),
            ("&Sham", self.sham),
            ("&Where pictures are shown", self.where),
            ("&Generator", self.generator),
            ("De&vice", self.device),
            ("Require G&PU", self.require_gpu),
        )

    def _show_needs(self) -> None:
        self.channels.setEnabled(self.response.currentData() in STREAMED)

    def _opener(self) -> Callable[[OnProgress], Opened]:
        holder = self.holder
        holder.choose(generator=self.generator.path, device=self.device.currentData())
        own, runs = holder.reads_own_sender(), holder.current.runs
        simulated = own is not None and own.code == "simulated"
        kind = self.response.currentData()
        values: dict[str, Any] = {
            "participant": holder.participant(),
            "response": {"kind": kind},
            "generator": self.generator.path,
            "device": self.device.currentData(),
            "require_gpu": self.require_gpu.isChecked(),
            "n_generations": self.generations.value(),
            "sham": self.sham.currentData(),
            "stimulus": {"where": self.where.currentData()},
        }
        if kind in STREAMED:
            values |= {"stream": holder.stream(), "response": self._streamed(kind)}
        outlets = own.outlets() if own is not None and kind in STREAMED else None
        watermark = own.watermark if own is not None and kind in STREAMED else ""

        def work(tell: OnProgress) -> Opened:
            from bci_app.engine.evolution_demo import EvolutionDemoSettings
            from bci_app.engine.evolution_plan import open_evolution
            from bci_app.engine.evolution_session import EvolutionSession
            from bci_app.engine.evolution_settings import EvolutionSettings
            from bci_app.engine.settings import parse_settings

            usual: dict[str, Any] = {}
            if simulated and kind == "component":
                demo = EvolutionDemoSettings().evolution
                usual = demo.model_dump(exclude={"stream", "n_generations"})
                values["response"] = usual["response"] | values["response"]
            settings = parse_settings(EvolutionSettings, usual | values, "The form of the page Evolve")
            tell(0, 1, "opening the generator")
            plan = open_evolution(settings, "bci-app evolve", None, watermark=watermark, outlets=outlets)
            tell(0, 1, "connecting")
            return open_in_folder(runs, "evolve", plan, EvolutionSession)

        return work

    def _streamed(self, kind: str) -> dict[str, Any]:
        """The response of the stream that was found, at its rate."""
        found = self.holder.found
        if found is None:
            raise SettingsError(
                "The response is measured at the rate of the stream; the chosen one has not been found. See the page Connect "
                "(Ctrl+1)."
            )
        names = tuple(name.strip() for name in self.channels.text().split(",") if name.strip())
        if not names:
            raise SettingsError("A response needs its channels; none is named. Name one, or several with commas.")
        return {"kind": kind, "sfreq": found.sfreq, "channels" if kind == "component" else "neurons": names}

    def _new_window(self, session: Any) -> SessionWindow:
        from bci_app.ui.evolution_window import EvolutionWindow

        return EvolutionWindow(session, colours=self.holder.colours, screenshot=session.plan.folder / "window.png")

    def _close(self, session: Any) -> RunResult:
        from bci_app.engine.evolution_closing import close_evolution_and_report

        return close_evolution_and_report(session)

"""Evolve: pictures evolve towards those that drive a response of the chosen stream, of a person, or of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QLineEdit, QSpinBox, QWidget

from bci_app.contract.errors import SettingsError
from bci_app.ui.background import OnProgress, Task
from bci_app.ui.pages.decode import SHIPPED
from bci_app.ui.pages.page import Holder
from bci_app.ui.pages.session_page import (
    Opened,
    SessionPage,
    check_onlooker,
    device_field,
    device_settings,
    open_in_folder,
)
from bci_app.ui.session_window import SessionWindow
from bci_app.ui.views.fields import Beside, PathField, choice_field

if TYPE_CHECKING:
    from bci_app.engine.closing import RunResult
    from bci_app.engine.evolution_settings import EvolutionSettings

RESPONSES = (
    ("amplitude of EEG channels", "component"),
    ("rate of neurons", "rate"),
    ("rating by a person", "rating"),
    ("unit of the classifier that comes with the program", "unit"),
    ("similarity to a picture, see the settings file", "similarity"),
)
STREAMED = ("component", "rate", "similarity")
PARTS = {"component": "Pz", "rate": "", "unit": "0"}
"""What is usually driven, for the responses that have parts: channels, neurons, the number of a unit."""
OPTIMISERS = (
    ("guided (ours)", "guided"),
    ("genetic (XDREAM)", "genetic"),
    ("CMA-ES, diagonal", "diagonal-cma"),
    ("CMA-ES, full", "full-cma"),
    ("CMA-ES on a sphere", "spherical-cma"),
    ("random: a control", "random"),
)
SHAMS = (("none", "off"), ("scores dealt at random", "on"), ("blind: perhaps", "blind"))
WHERE = (("second screen, if there is one", "auto"), ("full screen", "full-screen"), ("in this window", "window"))


class EvolvePage(SessionPage):
    """The form of an evolution, and the evolution in its place.

    Parameters
    ----------
    holder : Holder
        The workplace.
    """

    title = "Evolve"
    hint = "Ctrl+Return starts · Esc, Space or S in the session stops all pictures at once · everything is recorded"
    about = (
        "Pictures with high responses have offspring. Natural pictures and pictures that nobody selected are shown among them; "
        "the evolution has found something if it drives the response beyond both, and a sham does not. Ask the participant "
        "about photosensitive epilepsy before pictures are shown."
    )
    not_kept = (*SessionPage.not_kept, "Go on with")

    def __init__(self, holder: Holder) -> None:
        self._parts = dict(PARTS)
        self._kind = RESPONSES[0][1]
        self._looking: Task | None = None
        super().__init__(holder)
        self._shown = self._named()

    # ------------------------------------------------------------------ the form
    def _rows(self) -> Sequence[tuple[str, QWidget]]:
        current = self.holder.current
        self.response = choice_field("Response", RESPONSES)
        self.channels = QLineEdit(PARTS[self._kind])
        self.optimiser = choice_field("Optimiser", OPTIMISERS)
        self.population = _number(0, 1000, 0)
        self.population.setSpecialValueText("as usual")
        self.generations = _number(1, 1000, 15)
        self.sham = choice_field("Sham", SHAMS)
        self.where = choice_field("Pictures", WHERE)
        self.generator = PathField("generator bundle", SHIPPED)
        self.generator.set_path(current.generator)
        self.settings_file = PathField("settings file", "YAML with all the rest; empty for the usual", folder=False)
        self.go_on = PathField("evolution to go on with", "folder of one that was stopped; empty begins a new one")
        self.device = device_field(current.device)
        self.response.currentIndexChanged.connect(self._on_response)
        for field in (self.settings_file, self.go_on):
            field.changed.connect(self._look)
        return (
            ("&Response", self.response),
            ("&Channels or unit", self.channels),
            ("&Optimiser", Beside(self.optimiser, "Popul&ation", self.population)),
            ("Ge&nerations", Beside(self.generations, "&Sham", self.sham)),
            ("&Where pictures are shown", Beside(self.where, "De&vice", self.device)),
            ("&Generator", self.generator),
            ("Settings &file", self.settings_file),
            ("Go on w&ith", self.go_on),
        )

    def _on_response(self) -> None:
        """Each response has its own parts."""
        self._parts[self._kind] = self.channels.text()
        self._kind = self.response.currentData()
        self.channels.setText(self._parts.get(self._kind, ""))
        self._show_needs()

    def _show_needs(self) -> None:
        """What makes a run this one cannot be changed when it goes on."""
        new = self.go_on.path is None
        for field in (self.response, self.optimiser, self.population, self.sham, self.generator, self.settings_file):
            field.setEnabled(new)
        self.channels.setEnabled(new and self._kind in PARTS)

    # ------------------------------------------------------------------ a settings file, or a run that goes on
    def _named(self) -> tuple[Path | None, Path | None]:
        return self.settings_file.path, self.go_on.path

    def _look(self, then: Callable[..., None] = lambda *_: None) -> bool:
        """Show in the form what the file or the run that is named says, and go on with `then`; False if it is shown already."""
        if self._named() == self._shown:
            return False
        self._shown = file, run = self._named()
        self._show_needs()
        if file is None and run is None:
            return False
        self._end_look()
        self._looking = task = Task(lambda tell: _read(file, run), "settings of an evolution", parent=self)
        task.succeeded.connect(self._show_settings)
        task.succeeded.connect(then)
        task.failed.connect(lambda words: self.said.emit(words, "warn"))
        self._run(task)
        return True

    def _show_settings(self, settings: EvolutionSettings) -> None:
        from bci_app.engine.evolution_choices import choices_of

        choices = choices_of(settings)
        for field, value in (
            (self.response, choices.response),
            (self.optimiser, choices.optimiser),
            (self.sham, choices.sham),
            (self.where, settings.stimulus.where),
        ):
            field.setCurrentIndex(field.findData(value))
        self.channels.setText(choices.parts)
        self.population.setValue(choices.population)
        self.generations.setValue(choices.n_generations)
        if settings.generator is not None or self.go_on.path is not None:
            self.generator.set_path(settings.generator)

    def _end_look(self) -> None:
        if self._looking is not None:
            self._looking.cancel()

    def start(self) -> None:
        """Open the evolution that the form describes, once it shows what the file says."""
        if not self._look(lambda *_: super(EvolvePage, self).start()):
            super().start()

    def close_page(self) -> None:
        """As of all pages; a file that is being read is not waited for."""
        self._end_look()
        super().close_page()

    # ------------------------------------------------------------------ the session
    def _opener(self) -> Callable[[OnProgress], Opened]:
        holder, told, choices = self.holder, self._told(), self._choices()
        streamed = choices["response"] in STREAMED
        if self.go_on.path is None:
            holder.choose(generator=self.generator.path)
        holder.choose(device=told["others"]["device"])
        own, runs = holder.reads_own_sender() if streamed else None, holder.current.runs
        check_onlooker(own)
        told["simulated"] = own is not None and own.code == "simulated"

        def work(tell: OnProgress) -> Opened:
            from bci_app.engine.evolution_choices import EvolutionChoices, EvolutionForm
            from bci_app.engine.evolution_plan import open_evolution
            from bci_app.engine.evolution_session import EvolutionSession

            described = EvolutionForm(EvolutionChoices(**choices), **told)
            tell(0, 1, "opening the generator")
            plan = open_evolution(
                described.settings(),
                "bci-app evolve",
                described.run,
                watermark=own.watermark if own else "",
                outlets=own.outlets() if own else None,
                resume=described.run is not None,
            )
            tell(0, 1, "connecting")
            if plan.resume:
                return Opened(EvolutionSession(plan), ExitStack())
            return open_in_folder(runs, "evolve", plan, EvolutionSession)

        return work

    def _choices(self) -> dict[str, Any]:
        """Fields of `EvolutionChoices`."""
        return {
            "response": self.response.currentData(),
            "parts": self.channels.text(),
            "optimiser": self.optimiser.currentData(),
            "population": self.population.value(),
            "n_generations": self.generations.value(),
            "sham": self.sham.currentData(),
        }

    def _told(self) -> dict[str, Any]:
        """The other fields of `EvolutionForm`; SettingsError if something is missing without which nothing can begin."""
        holder, kind, (file, run) = self.holder, self.response.currentData(), self._named()
        others = device_settings(self.device) | {"participant": holder.participant()}
        if kind in STREAMED:
            others["stream"] = holder.stream()
        if run is None:
            others["generator"] = self.generator.path
        return {
            "where": self.where.currentData(),
            "others": others,
            "sfreq": self._sfreq() if kind in ("component", "rate") and run is None else None,
            "file": file,
            "run": run,
        }

    def _sfreq(self) -> float:
        """Rate of the stream that was found."""
        if self.holder.found is None:
            raise SettingsError(
                "The response is measured at the rate of the stream; the chosen one has not been found. See the page Connect "
                "(Ctrl+1)."
            )
        return self.holder.found.sfreq

    def _new_window(self, session: Any) -> SessionWindow:
        from bci_app.ui.evolution_window import EvolutionWindow

        return EvolutionWindow(session, colours=self.holder.colours, screenshot=session.plan.folder / "window.png")

    def _close(self, session: Any) -> RunResult:
        from bci_app.engine.evolution_closing import close_evolution_and_report

        result = close_evolution_and_report(session)
        if result.failed or session.run.done:
            return result
        return replace(result, paragraph=f"{result.paragraph} It can go on: name its folder above, under Go on with.")


def _read(file: Path | None, run: Path | None) -> EvolutionSettings:
    from bci_app.engine.evolution_choices import named_settings  # brings the optimisers

    return named_settings(file, run)


def _number(low: int, high: int, now: int) -> QSpinBox:
    made = QSpinBox()
    made.setRange(low, high)
    made.setValue(now)
    return made

"""What a page of the instrument's window is, and what all pages hold in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from bci_app.contract.errors import BciError, SettingsError
from bci_app.engine.settings import StreamChoice
from bci_app.engine.workplace import Workplace, load_workplace, save_workplace, stream_key
from bci_app.ui import theme
from bci_app.ui.theme import Theme

if TYPE_CHECKING:
    from bci_app.engine.senders import Sender
    from bci_app.streams.source import StreamDescription


class Holder(QObject):
    """The workplace of all pages: what is chosen, kept in its file with every change; GUI thread.

    Parameters
    ----------
    file : Path or None
        Where it is kept; None keeps nothing.
    parent : QObject, optional
        Owner.

    Attributes
    ----------
    current : Workplace
        What is chosen.
    trouble : str
        What went wrong with the file, in words; empty if nothing.
    found : StreamDescription or None
        What the chosen stream says of itself; None while it has not been found.
    own_sender : Sender or None
        The simulated participant or the replay that was started from the window.
    """

    changed = Signal(object)
    """The new `Workplace`."""
    stream_told = Signal(str, bool)
    """The stream in plain words, and whether it is there."""
    device_told = Signal(str, bool)
    """Where models really run, and whether that is what was asked for."""

    def __init__(self, file: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = file
        self.found: StreamDescription | None = None
        self.own_sender: Sender | None = None
        self._before: StreamChoice | None = None
        self.current, self.trouble = (Workplace(), "") if file is None else load_workplace(file)

    @property
    def colours(self) -> Theme:
        """The colours of the window's appearance."""
        return theme.THEMES[self.current.appearance]

    def choose(self, **fields: Any) -> None:
        """Change `fields` of the workplace, tell everybody, and save.

        Raises
        ------
        SettingsError
            If a value cannot be meant; then nothing has changed.
        """
        chosen = self.current.changed(**fields)
        if chosen != self.current:
            self.current = chosen
            self.save()
            self.changed.emit(chosen)

    def save(self) -> None:
        """Write the file; what goes wrong is said in `trouble`, since the choice itself holds.

        A stream that was started here ends with the program, so the one before it is what the next start will look for.
        """
        if self._file is None:
            return
        lasting = self.current if self.reads_own_sender() is None else self.current.changed(stream=self._before)
        try:
            save_workplace(self._file, lasting)
            self.trouble = ""
        except BciError as error:
            self.trouble = str(error)

    def adopt(self, sender: Sender) -> None:
        """Choose the stream of a sender that was started from the window, in place of the one before; `drop` ends it."""
        self.drop()
        self._before, self.own_sender = self.current.stream, sender
        known_bad = {stream_key(sender.stream): sender.stream.bad} if sender.stream.bad else {}
        self.choose(stream=sender.stream, bad_channels=self.current.bad_channels | known_bad)

    def drop(self) -> None:
        """End the sender that was started from the window, if there is one, and choose the stream again that it replaced."""
        sender = self.give_back()
        if sender is not None:
            sender.close()

    def give_back(self) -> Sender | None:
        """As `drop`, but leave it to the caller to end the sender that is returned, which may take a second."""
        sender, chosen = self.own_sender, self.reads_own_sender() is not None
        self.own_sender = None
        if sender is not None:
            marks = dict(self.current.bad_channels)
            marks.pop(stream_key(sender.stream), None)  # its source_id does not come again
            self.choose(stream=self._before if chosen else self.current.stream, bad_channels=marks)
        return sender

    def reads_own_sender(self) -> Sender | None:
        """The sender that was started from the window, if its stream is the one that is chosen."""
        sender, chosen = self.own_sender, self.current.stream
        same = sender is not None and chosen is not None and chosen.source_id == sender.stream.source_id
        return sender if same else None

    def stream(self) -> StreamChoice:
        """The stream that was chosen, with its channels that are marked bad.

        Raises
        ------
        SettingsError
            If none was chosen.
        """
        if self.current.stream is None:
            raise SettingsError("A session reads a stream; none was chosen. Choose one on the page Connect (Ctrl+1).")
        return self.current.stream.model_copy(update={"bad": self.current.bad})

    def participant(self) -> str:
        """The participant's code; for a stream of the program's own making without one, what it is.

        Raises
        ------
        SettingsError
            If none was given.
        """
        own = self.reads_own_sender()
        if own is not None and not self.current.participant:
            return own.code
        if not self.current.participant:
            raise SettingsError(
                "A session needs a participant's code; none was given. Type one on the page Connect (Ctrl+1)."
            )
        return self.current.participant


class Page(QWidget):
    """One page: made when it is first visited, made anew when the appearance changes.

    Parameters
    ----------
    holder : Holder
        The workplace.
    """

    title: ClassVar[str] = ""
    hint: ClassVar[str] = ""
    """One line: what to do here, and with which keys."""

    immersed = Signal(bool)
    """Whether the page brings a header of its own, so that the window's may go."""
    wanted = Signal(str)
    """The title of a page that is to come to the front."""
    said = Signal(str, str)
    """A message for the banner and its tone, "warn" or "info"; an empty one takes the banner away."""

    def __init__(self, holder: Holder) -> None:
        super().__init__()
        self.holder = holder
        self.is_immersed = False
        self.setObjectName("body")

    def immerse(self, immersed: bool) -> None:
        """Take the window's header away while this page is in front, or give it back."""
        self.is_immersed = immersed
        self.immersed.emit(immersed)

    @property
    def busy(self) -> str | None:
        """What runs here and would end with the page, as the beginning of a sentence; None if nothing does."""
        return None

    def entered(self) -> None:
        """The page has come to the front."""

    def left(self) -> None:
        """Another page has come to the front; whatever is busy goes on."""

    def close_page(self) -> None:
        """End whatever runs and let go of it, within a second and a half; may be called twice."""

    def finish(self) -> None:
        """Wait until what is still being written has been written; after `close_page`, when no window is on screen."""

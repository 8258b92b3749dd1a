"""The one window from which a whole session is run: pages at the left, what is connected above, words across the top."""

from __future__ import annotations

import binascii
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from PySide6.QtCore import QByteArray, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QHBoxLayout,
    QMainWindow,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from bci_app.ui import theme
from bci_app.ui.pages.page import Holder, Page
from bci_app.ui.views.banner import Banner
from bci_app.ui.views.status import NOT_MEDICAL, Chip
from bci_app.ui.views.text import ElidedLabel, PlainLabel

logger = logging.getLogger(__name__)

PASSING_MS = 15_000
"""How long a message that asks for nothing stays written."""
QUIT_AGAIN_MS = 5_000
"""How long after the first Ctrl+Q the second one ends what runs."""
HEARTBEAT_MS = 200
"""How often Python comes to see that somebody pressed Ctrl+C in the terminal."""
_RAIL_PX = 150


@dataclass(frozen=True, slots=True)
class PageKind:
    """A page by its title, and where its class is: it is imported when the page is first visited."""

    title: str
    module: str
    name: str


def _here(title: str) -> PageKind:
    return PageKind(title, f"bci_app.ui.pages.{title.lower()}", f"{title}Page")


PAGES = tuple(_here(title) for title in ("Connect", "Signal", "Calibrate", "Decode", "Evolve", "Read", "Sessions"))
"""From top to bottom; Ctrl+1 is the first."""


class InstrumentWindow(QMainWindow):
    """The desktop program: one page in front, the others as they were left.

    Parameters
    ----------
    holder : Holder
        The workplace; the window gives back its size, place and page to it.
    pages : sequence of PageKind
        From top to bottom.
    """

    closed = Signal()

    def __init__(self, holder: Holder, pages: Sequence[PageKind] = PAGES) -> None:
        super().__init__()
        self.holder = holder
        holder.setParent(self)
        self.kinds = tuple(pages)
        self._pages: dict[int, Page] = {}
        self._retired: list[Page] = []  # made anew since; what they still write is waited for
        self._index = -1
        self._outdated: set[int] = set()
        self._splits = dict(holder.current.splits)
        self._closing = self.failed = False
        self._ending: threading.Thread | None = None
        self._heartbeat = QTimer(self, interval=HEARTBEAT_MS)
        self._heartbeat.timeout.connect(lambda: None)
        self._heartbeat.start()
        self._quit_timer = QTimer(self, interval=QUIT_AGAIN_MS, singleShot=True)
        self._passing = QTimer(self, interval=PASSING_MS, singleShot=True)
        self._passing.timeout.connect(lambda: self.banner.clear())
        self._told = {"Stream": ("none chosen", False), "Device": ("told when models run", True)}
        holder.stream_told.connect(lambda text, ok: self._tell("Stream", text, ok))
        holder.device_told.connect(lambda text, ok: self._tell("Device", text, ok))
        holder.changed.connect(self._on_choice)
        self.setWindowTitle("bci-app")
        self._build()
        self._add_keys()
        self.setMinimumSize(1100, 680)
        self.resize(1600, 950)
        self._restore()

    def start(self) -> None:
        """Bring the page of the last time to the front; after the window is on screen, so that it is seen at once."""
        titles = [kind.title for kind in self.kinds]
        last = self.holder.current.page
        self.page(0)  # it looks for the stream of the last time
        self.show_page(titles.index(last) if last in titles else 0)
        if self.holder.trouble:
            self.say(self.holder.trouble, "warn")

    # ------------------------------------------------------------------ pages
    @property
    def current(self) -> Page:
        """The page in front."""
        return self.page(max(self._index, 0))

    def page(self, index: int) -> Page:
        """The page with this number, made if it is not there yet."""
        if index not in self._pages:
            kind = self.kinds[index]
            page: Page = getattr(import_module(kind.module), kind.name)(self.holder)
            page.said.connect(partial(self._pass_on, page))
            page.wanted.connect(self.show_titled)
            page.immersed.connect(partial(self._on_immersed, page))
            self._keep_splits(page)
            self._pages[index] = page
            self._stack.addWidget(page)
        return self._pages[index]

    def show_page(self, index: int) -> None:
        """Bring a page to the front; what is busy behind goes on, and is told."""
        if index == self._index or self._closing:
            return
        behind = self._pages.get(self._index)
        self._index = index
        self._renew(index)
        page = self.page(index)
        self._mark(index)
        self._stack.setCurrentWidget(page)
        self.hint.setText(page.hint)
        self.banner.clear()
        self._show_header()
        if behind is not None:
            behind.left()
            if behind.busy:
                self.say(f"{behind.title} goes on behind: {behind.busy}.", "info")
        page.entered()

    def _mark(self, index: int) -> None:
        """Mark the page in front in the list of pages, which Tab enters there."""
        self._rail.button(index).setChecked(True)
        for button in self._rail.buttons():
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus if button.isChecked() else Qt.FocusPolicy.ClickFocus)

    def _on_immersed(self, page: Page, immersed: bool) -> None:
        self._show_header()
        if immersed:
            self._keep_splits(page)

    def _keep_splits(self, page: Page) -> None:
        """Put the movable lines where they were left, and remember where they are put."""
        for number, line in enumerate(page.findChildren(QSplitter)):
            name = f"{page.title} {number}"
            sizes = self._splits.get(name, ())
            if len(sizes) == line.count():
                line.setSizes(list(sizes))
            line.splitterMoved.connect(partial(self._on_split, name, line))

    def _on_split(self, name: str, line: QSplitter, *_: int) -> None:
        self._splits[name] = tuple(line.sizes())

    def _show_header(self) -> None:
        for widget in (self._header, self.hint):
            widget.setHidden(self.current.is_immersed)
        QTimer.singleShot(0, self, self._place_banner)  # after the layout has moved the line

    def show_titled(self, title: str) -> None:
        """Bring the page with this title to the front, if there is one."""
        for index, kind in enumerate(self.kinds):
            if kind.title == title:
                self.show_page(index)

    @property
    def busy(self) -> tuple[str, ...]:
        """What runs, page by page."""
        return tuple(f"{page.title}: {page.busy}" for page in self._pages.values() if page.busy)

    # ------------------------------------------------------------------ words
    def _pass_on(self, page: Page, text: str, tone: str) -> None:
        """A session in front speaks for itself: what other pages merely note would lie over its header."""
        in_front = self._pages.get(self._index)
        if tone == "warn" or in_front is None or in_front is page or not in_front.is_immersed:
            self.say(text, tone)

    def say(self, text: str, tone: str = "info") -> None:
        """Write a message across the top; a warning stays until the next one or another page."""
        self._passing.stop()
        if not text:
            self.banner.clear()
            return
        self.banner.show_message(text, "warn" if tone == "warn" else "info")
        self._place_banner()
        if tone != "warn":
            self._passing.start()

    def _place_banner(self) -> None:
        """Over the line of hints, or where a page has taken that away, along its upper edge."""
        page = self._pages.get(self._index)  # none is made for this
        if page is None or not page.is_immersed:
            self.banner.place()
        elif not self.banner.isHidden():
            room = self._stack.geometry()
            height = max(self.hint.height(), self.banner.heightForWidth(room.width()))
            self.banner.setGeometry(room.x(), room.y(), room.width(), height)
            self.banner.raise_()

    def _tell(self, name: str, text: str, ok: bool) -> None:
        self._told[name] = (text, ok)
        self.chips[name].show_text(text, "good" if ok else "warn")

    def _on_choice(self) -> None:
        self._show_participant()
        if self.holder.trouble:
            self.say(self.holder.trouble, "warn")

    def _show_participant(self) -> None:
        code = self.holder.current.participant
        self.chips["Participant"].show_text(code or "no code yet", "good" if code else "warn")

    # ------------------------------------------------------------------ building
    def _build(self) -> None:
        colours = self.holder.colours
        body = QWidget()
        body.setObjectName("body")
        layout = QHBoxLayout(body)
        layout.setContentsMargins(theme.GAP_PX, theme.GAP_PX, theme.GAP_PX, theme.GAP_PX)
        layout.setSpacing(theme.GAP_PX)
        self.chips = {name: Chip(name, colours) for name in ("Participant", "Stream", "Device")}
        for name, chip in self.chips.items():
            chip.setAccessibleName(name)
        layout.addWidget(self._new_rail())
        right = QVBoxLayout()
        right.setSpacing(theme.GAP_PX)
        self._header = self._new_header()
        right.addWidget(self._header)
        self.hint = ElidedLabel("", points=theme.SMALL_PT, muted=True)
        self.hint.setFixedHeight(theme.GAP_PX * 4)
        right.addWidget(self.hint)
        self._stack = QStackedWidget()
        for page in self._pages.values():  # the others go with the stack of before
            self._stack.addWidget(page)
        right.addWidget(self._stack, 1)
        layout.addLayout(right, 1)
        self.setCentralWidget(body)
        self.banner = Banner(colours, self.hint)

    def _new_rail(self) -> QWidget:
        rail = QWidget()
        rail.setFixedWidth(_RAIL_PX)
        column = QVBoxLayout(rail)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(PlainLabel("bci-app", points=theme.TITLE_PT + 2, bold=True))
        column.addWidget(PlainLabel(NOT_MEDICAL, points=theme.SMALL_PT, muted=True, wrap=True))
        self._rail = QButtonGroup(rail)
        for index, kind in enumerate(self.kinds):
            button = QPushButton(f"{index + 1}  {kind.title}")
            button.setObjectName("page")
            button.setCheckable(True)
            button.setToolTip(f"Ctrl+{index + 1}")
            self._rail.addButton(button, index)
            column.addWidget(button)
        self._rail.idClicked.connect(self.show_page)
        column.addSpacing(theme.GAP_PX)
        column.addWidget(self.chips["Participant"])
        self._show_participant()
        column.addStretch(1)
        keys = "Ctrl+1 … pages\nCtrl+L light, dark\nF11 full screen\nCtrl+Q quit"
        column.addWidget(PlainLabel(keys, points=theme.SMALL_PT, muted=True))
        return rail

    def _new_header(self) -> QWidget:
        header = QWidget()
        row = QHBoxLayout(header)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GAP_PX)
        for name, (text, ok) in tuple(self._told.items()):
            row.addWidget(self.chips[name], 1)
            self._tell(name, text, ok)
        return header

    def _add_keys(self) -> None:
        keys: dict[str, Callable[[], None]] = {
            f"Ctrl+{index + 1}": partial(self.show_page, index) for index in range(len(self.kinds))
        }
        keys |= {"Ctrl+L": self.toggle_appearance, "F11": self.toggle_full_screen, "Ctrl+Q": self.quit}
        for key, action in keys.items():
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(action)

    def _restore(self) -> None:
        try:
            self.restoreGeometry(QByteArray(binascii.a2b_base64(self.holder.current.geometry, strict_mode=True)))
        except ValueError:
            return  # not written by a window; the usual size will do

    # ------------------------------------------------------------------ what the person asks
    def toggle_appearance(self) -> None:
        """Dark or light; pages are made anew, but for those on which something runs: these keep their colours until then."""
        running = [page for page in self._pages.values() if page.busy]
        for page in running:
            theme.hold(page, self.holder.colours)
        self.holder.choose(appearance="light" if self.holder.current.appearance == "dark" else "dark")
        app = QApplication.instance()
        if isinstance(app, QApplication):
            theme.dress(app, self.holder.colours)
        index, self._index = self._index, -1
        self._outdated = set(self._pages)
        for number in tuple(self._pages):
            self._renew(number)
        self._build()
        self.page(0)
        self.show_page(max(index, 0))
        if running:
            titles = ", ".join(page.title for page in running)
            self.say(f"What runs keeps its colours until it has ended: {titles}.")

    def _renew(self, number: int) -> None:
        """Let go of a page whose colours are those of before, unless something runs on it; the next visit makes it anew."""
        page = self._pages.get(number)
        if page is None or page.busy or number not in self._outdated:
            return
        self._outdated.discard(number)
        page.close_page()
        page.hide()
        self._retired.append(self._pages.pop(number))

    def toggle_full_screen(self) -> None:
        """Full screen on or off."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def quit(self) -> None:
        """Close the window; while something runs, only if asked twice."""
        if self.busy and not self._quit_timer.isActive():
            self._quit_timer.start()
            self.say(f"{'; '.join(self.busy)}. Ctrl+Q once more ends it; what was recorded is kept.", "warn")
            return
        self.close()

    # ------------------------------------------------------------------ Qt
    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the banner over the line of hints."""
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self._place_banner)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember size, place and page, leave the screen, end what runs."""
        if not self._closing:
            self._closing = True
            geometry = bytes(self.saveGeometry().toBase64().data()).decode("ascii")
            page = self.kinds[self._index].title if self._index >= 0 else ""
            self.hide()
            for timer in (self._heartbeat, self._quit_timer, self._passing):
                timer.stop()
            for each in self._pages.values():
                each.close_page()
            self._end_sender()
            self.holder.choose(geometry=geometry, page=page, splits=self._splits)
            self.closed.emit()
        event.accept()

    def _end_sender(self) -> None:
        """End the stream that was started here, beside whatever else is still being done."""
        sender = self.holder.give_back()
        if sender is not None:
            self._ending = threading.Thread(target=sender.close, name="end of a stream")
            self._ending.start()

    def finish(self) -> None:
        """Wait for what is still being written or ended; after the window has closed."""
        if self._ending is not None:
            self._ending.join()
        for page in (*self._retired, *self._pages.values()):
            page.finish()

    def close_after(self, seconds: float | None, screenshot: Path | None = None) -> None:
        """Close by itself after so long, if a time is given, and leave a picture of the window."""
        if seconds is not None:
            QTimer.singleShot(round(1000 * seconds), self, partial(self._leave, screenshot))

    def _leave(self, screenshot: Path | None) -> None:
        if screenshot is not None and not self.grab().save(str(screenshot)):
            self.failed = True
            logger.error("A screenshot at %s was asked for; Qt could not write it. Choose a .png name.", screenshot)
        self.close()

"""The bridge of a session that only shows the signal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from bci_app.ui.bridge import SessionBridge

if TYPE_CHECKING:
    from bci_app.engine.monitor_session import MonitorSession


class MonitorBridge(SessionBridge):
    """Besides the signal and its state, what is told of the last seconds: each look once, while `looks_wanted`.

    Parameters
    ----------
    session : MonitorSession
        Not started yet.
    parent : QObject, optional
        Owner.
    """

    looked = Signal(object)

    def __init__(self, session: MonitorSession, parent: QObject | None = None) -> None:
        super().__init__(session, parent)
        self._session = session
        self._number = 0
        self.looks_wanted = True

    def _slow_polls(self) -> Mapping[int, Callable[[], None]]:
        return {**super()._slow_polls(), 3: self._poll_look, 7: self._poll_look}

    def _poll_look(self) -> None:
        look = self._session.look() if self.looks_wanted else None
        if look is not None and look.number != self._number:
            self._number = look.number
            self.looked.emit(look)

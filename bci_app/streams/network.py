"""Which network Lab Streaming Layer may use, said before it starts.

LSL reads its configuration once, at its first call in a process. A file named in the environment is used
here, because child processes inherit it; a forgotten ``lsl_api.cfg`` in the working directory is then not
read.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from bci_app.contract.errors import SettingsError

VARIABLE = "LSLAPICFG"

_started = False


def loopback_config(session_id: str) -> str:
    """Configuration that finds streams of this machine only, and only those of the same `session_id`.

    Multicast is absent in containers and several senders share one unicast port on loopback, hence the known
    peer. The tuning shortens the waits that are meant for real networks: a stream is found in 0.1 s. Queries go
    out at 0, 0.1, 0.8, 0.9 s, ...: none near the end of a look (`lsl._WAVE_S`), where LSL may hang for five
    seconds over a query that was just begun.
    Discovery is confined, the data socket is not: LSL binds it on all interfaces, a firewall has to close it.

    Raises
    ------
    SettingsError
        If `session_id` holds anything but letters, digits, "-" and "_".
    """
    if not session_id or not session_id.replace("-", "").replace("_", "").isalnum():
        raise SettingsError(
            f"A session id is made of letters, digits, '-' and '_'; got {session_id!r}. Choose another."
        )
    return "\n".join(
        (
            "[multicast]",
            "ResolveScope = machine",
            "[ports]",
            "IPv6 = disable",
            "[lab]",
            "KnownPeers = {127.0.0.1}",
            f"SessionID = {session_id}",
            "[tuning]",
            "MulticastMinRTT = 0.1",
            "UnicastMinRTT = 0.7",
            "ContinuousResolveInterval = 0.1",
            "TimeProbeCount = 8",
            "TimeProbeInterval = 0.01",
            "TimeProbeMaxRTT = 0.05",
            "TimeUpdateMinProbes = 4",
            "[log]",
            "level = -3",
            "",
        )
    )


def use_config(config: str | Path) -> None:
    """Make this process and its children use `config`: the text of a configuration file, or its path.

    Raises
    ------
    SettingsError
        If the file is missing, or LSL has already started in this process and would not look at it.
    """
    if _started:
        raise SettingsError(
            "LSL reads its configuration once, before its first use; it is in use. Set the network at program start."
        )
    if isinstance(config, Path):
        path = config
    else:
        path = _kept_file()
        path.write_text(config, encoding="utf-8")
    if not path.is_file():
        raise SettingsError(f"The LSL configuration {path} does not exist. Give the path of an lsl_api.cfg.")
    os.environ[VARIABLE] = str(path.resolve())


def config_in_force() -> Path | None:
    """The configuration file that LSL reads in this process; None if nobody has configured it on this machine."""
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE])
    places = (Path("lsl_api.cfg"), Path.home() / "lsl_api" / "lsl_api.cfg", Path("/etc/lsl_api/lsl_api.cfg"))
    return next((place for place in places if place.is_file()), None)


def hush() -> None:
    """Spare the terminal LSL's notes about network cards, if nobody has configured LSL on this machine."""
    if config_in_force() is None:
        use_config("[log]\nlevel = -3\n")


def private_lsl(folder: Path) -> dict[str, str]:
    """Write a loopback configuration with a session id of its own into `folder`.

    Returns
    -------
    dict of str to str
        Environment variables; processes that run with them see each other's streams and no others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lsl_api.cfg"
    path.write_text(loopback_config(f"private-{uuid4().hex}"), encoding="utf-8")
    return {VARIABLE: str(path.resolve())}


def mark_started() -> None:
    """LSL has read its configuration: from now on `use_config` refuses."""
    global _started
    _started = True


def _kept_file() -> Path:
    """A new file that is removed when the program ends."""
    import atexit
    import tempfile

    handle, name = tempfile.mkstemp(prefix="lsl_api_", suffix=".cfg")
    os.close(handle)
    atexit.register(Path(name).unlink, missing_ok=True)
    return Path(name)

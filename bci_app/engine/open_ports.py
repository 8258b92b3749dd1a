"""The ports on which this process listens: asked of psutil if it is installed, else read from Linux's tables."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from pathlib import Path

_LISTENING = "0A"
"""State of a listening TCP socket in the tables of Linux."""


def open_ports(proc: Path = Path("/proc")) -> tuple[str, ...] | None:
    """Ports of this process that others can send to, such as ``"TCP 0.0.0.0:16572"``, in order.

    Parameters
    ----------
    proc : Path
        Where the tables of Linux are.

    Returns
    -------
    tuple of str or None
        None where they cannot be known: without psutil on another system than Linux.
    """
    try:
        import psutil
    except ImportError:
        return _from_tables(proc)
    found = set()
    for each in psutil.Process().net_connections(kind="inet"):
        tcp = each.type == 1  # SOCK_STREAM
        if each.laddr and (each.status == psutil.CONN_LISTEN if tcp else not each.raddr):
            found.add(_words("TCP" if tcp else "UDP", each.laddr.ip, each.laddr.port))
    return tuple(sorted(found))


def _from_tables(proc: Path) -> tuple[str, ...] | None:
    """Sockets of this process by their inodes, and what the tables say of those."""
    own: set[str] = set()
    try:
        descriptors = list((proc / "self" / "fd").iterdir())
    except OSError:
        return None
    for descriptor in descriptors:
        with suppress(OSError):  # closed in the meantime
            match = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
            own |= {match.group(1)} if match else set()
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        with suppress(OSError):  # without IPv6 its tables are missing
            for line in (proc / "self" / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                local, remote, state, inode = fields[1], fields[2], fields[3], fields[9]
                waits = state == _LISTENING if table.startswith("tcp") else remote.endswith(":0000")
                if inode in own and waits:
                    address, port = local.split(":")
                    found.add(_words(table[:3].upper(), _address(address), int(port, 16)))
    return tuple(sorted(found))


def _address(digits: str) -> str:
    """An address of the tables: words of four bytes, each in the order of the machine."""
    raw = bytes.fromhex(digits)
    words = [raw[start : start + 4] for start in range(0, len(raw), 4)]
    return str(ipaddress.ip_address(b"".join(word[::-1] for word in words) if _little() else raw))


def _little() -> bool:
    import sys

    return sys.byteorder == "little"


def _words(protocol: str, address: str, port: int) -> str:
    return f"{protocol} {address}:{port}" if "." in address else f"{protocol} [{address}]:{port}"

"""Lab Streaming Layer on this machine: what it was configured with, whether it works, and what it opens to others."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from bci_app.contract.errors import StreamError
from bci_app.engine.doctor import Check, run_alone
from bci_app.engine.open_ports import open_ports
from bci_app.streams.lsl import find, library, local_clock
from bci_app.streams.markers import MarkerInlet, MarkerOutlet
from bci_app.streams.network import VARIABLE

_READ_CONFIG = "import pylsl; pylsl.StreamInfo('doctor')"
_REFUSED = re.compile(r"ERR\| Error parsing config file .*?: '(.*)'")


def network(config: Path | None) -> Iterator[Check]:
    """Lab Streaming Layer: its library, its configuration, whether a stream of our own is found and heard, and on which ports."""
    yield _configuration(config)
    yield Check("LSL", "library", library())
    name = f"bci-app doctor {uuid4().hex[:8]}"
    with closing(MarkerOutlet(name, name.replace(" ", "-"))) as outlet:
        yield _heard(outlet, name)
        yield _ports()


def _configuration(config: Path | None) -> Check:
    """The file that LSL was told to read, and whether it can: of one that it cannot read it says so on the terminal alone."""
    if config is None:
        return Check("LSL", "configuration", "LSL's own defaults")
    if not config.is_file():
        advice = "The environment names a file that is not there. Correct or unset LSLAPICFG."
        return Check("LSL", "configuration", str(config), "wrong", advice)
    _, said = run_alone(_READ_CONFIG, {VARIABLE: str(config)})
    refused = _REFUSED.search(said)
    if refused is not None:
        advice = f"LSL cannot read this file ({refused[1]}) and goes on with its own defaults. Correct or remove it."
        return Check("LSL", "configuration", str(config), "wrong", advice)
    return Check("LSL", "configuration", str(config))


def _heard(outlet: MarkerOutlet, name: str) -> Check:
    """Whether a stream of this process is found, and a marker sent through it arrives."""
    began = time.perf_counter()
    advice = (
        "Streams are not found on this very machine, so no session can begin. Let UDP 16571 and TCP and UDP 16572 to 16604 "
        "through the firewall; where multicast is missing (containers, VPN, guest networks), put KnownPeers = {127.0.0.1} into "
        "the section [lab] of an lsl_api.cfg and name it in LSLAPICFG."
    )
    try:
        description = find(source_id=name.replace(" ", "-"), timeout_s=4.0)
        with MarkerInlet(description) as inlet:
            outlet.wait_for_consumers(2.0)
            outlet.push("doctor", local_clock())
            came = inlet.pull(2.0)
    except StreamError as error:
        return Check("LSL", "own stream on this machine", "not found", "wrong", f"{advice} ({error})")
    if not came:
        return Check("LSL", "own stream on this machine", "found, but not heard", "wrong", advice)
    return Check("LSL", "own stream on this machine", f"found and heard within {time.perf_counter() - began:.1f} s")


def _ports() -> Check:
    """Ports of this process while it sends one stream."""
    ports = open_ports()
    if ports is None:
        return Check("LSL", "open ports", "not known", "note", "Install psutil to see the ports of this process.")
    everywhere = [port for port in ports if "0.0.0.0:" in port or "[::]:" in port]
    advice = (
        "LSL listens on all interfaces while a stream of this program exists, without a password: anybody on the network can "
        "read it. On a network that is not yours alone, let a firewall close these ports."
    )
    return Check("LSL", "open ports", ", ".join(ports) or "none", *(("note", advice) if everywhere else ()))

"""The command line: ``bci-app app``, ``demo``, ``calibrate``, ``run``, ``replay``, ``read``, ``evolve``, ``check``, ``streams``,
``report``, ``export``, ``participant``, ``doctor``.

An error meant for the user is printed as one paragraph and ends the program with status 1; nothing heavy is imported
before a command needs it.
"""

from bci_app.cli.entry import main

__all__ = ["main"]

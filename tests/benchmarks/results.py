"""One way to print a figure beside its target and to keep it."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDER = Path("runs/benchmarks")


@dataclass(frozen=True, slots=True)
class Row:
    """A figure: what, measured (in words), target (in words), and whether it was reached; None without a target."""

    what: str
    measured: str
    target: str = ""
    reached: bool | None = None


def publish(name: str, rows: list[Row], details: dict[str, object] | None = None) -> bool:
    """Print `rows` as a table, write them to ``runs/benchmarks/<name>.json``; whether every target was reached."""
    table = Table("figure", "measured", "target", "reached", title=name)
    for row in rows:
        table.add_row(row.what, row.measured, row.target, {True: "yes", False: "NO", None: ""}[row.reached])
    Console(width=150).print(table)
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = {
        "name": name,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()},
        "rows": [asdict(row) for row in rows],
        "details": details or {},
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    return all(row.reached is not False for row in rows)

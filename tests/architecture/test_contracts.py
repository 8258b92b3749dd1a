"""The house stands as drawn: import contracts, a light program, a clean wheel, no unsafe calls."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = sorted(path for folder in ("bci_app", "models", "training") for path in (ROOT / folder).rglob("*.py"))


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )


def test_import_contracts_hold() -> None:
    result = python("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-500:]
    assert "0 broken" in result.stdout


def test_the_program_imports_neither_torch_nor_the_workshop() -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in PROGRAM
        if path.parts[len(ROOT.parts)] == "bci_app" and path.name != "__main__.py"
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "bad = sorted(each for each in ('torch', 'models', 'training', 'mne') if each in sys.modules)\n"
        "print(bad); sys.exit(bool(bad))"
    )
    result = python("-c", code)
    assert result.returncode == 0, result.stdout + result.stderr[-1500:]


def test_the_wheel_holds_the_program_alone(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for folder in ("bci_app", "models", "training", "tests"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    result = python("-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source))
    assert result.returncode == 0, result.stdout[-1500:] + result.stderr[-1500:]
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bci_app"}
    for needed in (
        "bci_app/bundles/pictures64/generator.onnx",
        "bci_app/engine/report.html",
        "bci_app/cli/__init__.py",
    ):
        assert needed in names
    assert wheel.stat().st_size < 20_000_000


UNSAFE_NAMES = {"pickle", "joblib", "dill", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec"}
UNSAFE_ATTRIBUTES = {("torch", "load"), ("yaml", "load"), ("os", "system"), ("torch", "hub")}
UNSAFE_KEYWORDS = {("allow_pickle", "True"), ("shell", "True")}


def unsafe_lines(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"{line}: import {name}" for name in modules if name.split(".")[0] in UNSAFE_NAMES]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in UNSAFE_CALLS:
            found.append(f"{line}: {node.func.id}()")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in UNSAFE_ATTRIBUTES:
                found.append(f"{line}: {node.value.id}.{node.attr}")
        elif isinstance(node, ast.keyword) and (node.arg, ast.unparse(node.value)) in UNSAFE_KEYWORDS:
            found.append(f"{node.value.lineno}: {node.arg}=True")
    return found


@pytest.mark.parametrize("path", PROGRAM, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_loaded_or_called_unsafely(path: Path) -> None:
    assert unsafe_lines(path.read_text("utf-8")) == []


def test_the_search_for_unsafe_calls_finds_them() -> None:
    source = "import pickle\nimport torch, numpy as np\ntorch.load('x')\nnp.load('x', allow_pickle=True)\neval('1')\n"
    assert len(unsafe_lines(source)) == 4


def test_errors_of_the_tree_are_all_drawn_in_its_docstring() -> None:
    from bci_app.contract import errors

    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or "")) | {"BciError"}
    made = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert drawn == made


def test_no_text_names_a_machine_or_a_registry() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    pattern = re.compile("/ro" + "ot/|/wo" + r"rk/|pypi\.or" + "g|pythonhos" + "ted")
    hits = []
    for name in tracked:
        if (
            Path(name).suffix in {".py", ".md", ".toml", ".txt", ".yaml", ".json", ".html", ""}
            and (ROOT / name).is_file()
        ):
            text = (ROOT / name).read_text("utf-8", errors="ignore")
            hits += [f"{name}: {match.group()}" for match in pattern.finditer(text)]
    assert hits == []

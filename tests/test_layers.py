"""Data flows one way through the package, and what is heavy is imported only when it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "exporter" / "drift_exporter"
ANALYTICS = {"scipy.stats", "pandas", "sklearn", "numba", "pyod", "prophet"}
PATH_OF_A_RECORD = ["sources", "decode", "join", "count", "window", "judge", "expose"]


def imported(module: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


@pytest.mark.parametrize("part", PATH_OF_A_RECORD)
def test_no_module_imports_one_that_stands_later(part: str) -> None:
    later = PATH_OF_A_RECORD[PATH_OF_A_RECORD.index(part) + 1 :]
    found = {
        (module.name, name)
        for module in (PACKAGE / part).rglob("*.py")
        for name in imported(module)
        if any(name.startswith(f"drift_exporter.{folder}") for folder in later)
    }
    assert set() == found


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("drift_exporter.cli", {"numpy", "duckdb", "scipy", "pydantic", "uvicorn", "tqdm"}),
        ("drift_exporter.config", {"numpy", "duckdb", "scipy", "uvicorn"}),
        (
            "drift_exporter.once",
            {"uvicorn", "tqdm", "zstandard", "pyarrow", "confluent_kafka", *ANALYTICS},
        ),
        (
            "drift_exporter.serve",
            {"tqdm", "zstandard", "pyarrow", "requests", "fastavro", *ANALYTICS},
        ),
        (
            "drift_exporter.infrastructure.setting_up",
            {"cmdstanpy", "uvicorn", *ANALYTICS},
        ),
    ],
)
def test_imports_are_light(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert set() == heavy & set(result.stdout.split())

"""What is installed from a wheel: one version, everything that runs, and the torch that is promised."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ostinato

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

COMPILES = """
import torch
from ostinato.cells import LEM
from ostinato.engine import scan
y, _ = scan(LEM(3, 4), torch.randn(2, 5, 3), backend="cpp")
y.sum().backward()
"""


def command(*arguments, **environment):
    """What a command prints, run without this checkout on its path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ended = subprocess.run(
        [str(argument) for argument in arguments], env=clean | environment, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of programs of a fresh environment: a wheel built from this checkout, beside what is here already."""
    folder = tmp_path_factory.mktemp("packaging")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    command(*pip, "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--wheel-dir", folder, ROOT)
    (wheel,) = folder.glob("ostinato-*.whl")
    command(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    programs = folder / "venv" / "bin"
    command(*pip, "--python", programs / "python", "install", "--quiet", "--no-deps", "--no-index", wheel)
    (packages,) = folder.glob("venv/lib/python*/site-packages")
    here = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    (packages / "dependencies.pth").write_text("\n".join(here))  # torch is not installed twice
    return programs


def test_the_version_stands_in_one_place(installed):
    assert "version" in PROJECT["dynamic"]
    assert command(installed / "ostinato", "--version").strip() == f"ostinato {ostinato.__version__}"
    says = "from importlib.metadata import version; print(version('ostinato'))"
    assert command(installed / "python", "-c", says).strip() == ostinato.__version__


def test_cells_compile_with_the_kernels_of_the_wheel(installed, tmp_path):
    command(installed / "python", "-c", COMPILES, OSTINATO_CACHE=str(tmp_path / "cache"))
    assert list((tmp_path / "cache").rglob("*.so"))


def test_a_demo_runs_from_the_wheel(installed, tmp_path):
    home = command(installed / "python", "-c", "import ostinato; print(ostinato.__file__)")
    assert Path(home.strip()).is_relative_to(installed.parent)
    shown = command(installed / "ostinato", "demo", "sunspots", "--out", tmp_path / "demo")
    assert "\nridge " in shown
    assert (tmp_path / "demo" / "forecast.png").read_bytes().startswith(b"\x89PNG")


def test_the_torch_that_is_tested_is_the_oldest_that_is_promised():
    (promised,) = (need for need in PROJECT["dependencies"] if need.startswith("torch"))
    (tested,) = re.findall(r"^torch==(\d+\.\d+)", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)
    assert promised == f"torch>={tested}"

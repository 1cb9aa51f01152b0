"""What is installed from a wheel has what the verb writes, and so has a checkout."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from drift_exporter.bundle.assets import assets_folder, shipped
from drift_exporter.errors import BundleError
from support.alerting import ROOT
from support.bundles import configuration, written

PATTERNS = ("alerting/rules/*", "alerting/runbooks/*", "dashboards/json/*", "provisioning/*/**/*")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the checkout, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    code = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    result = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    return folder / result.stdout.split()[-1]


def test_the_command_of_an_installed_wheel_writes_what_that_of_the_checkout_does(
    wheel: Path, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, timeout=120)
    python = venv / "bin" / "python"
    # As pip does without an index and without dependencies; those come from this environment.
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index"]
    subprocess.run(
        [*install, "--no-deps", "--disable-pip-version-check", str(wheel)], check=True, timeout=120
    )
    site = next(venv.glob("lib/python*/site-packages"))
    assert (site / "drift_exporter" / "assets").is_dir()
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    configuration(tmp_path)
    expected = written(tmp_path)
    command = [venv / "bin" / "drift-exporter", "bundle", "--config", tmp_path / "config.yml"]
    options = ["--grafana-url", "https://grafana.example.org", "--exporter-url", "https://drift.example.org"]
    result = subprocess.run(
        [*map(str, command), "--output", str(tmp_path / "installed"), *options],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    installed, own = (
        {p.relative_to(base): p.read_bytes() for p in base.rglob("*") if p.is_file()}
        for base in (tmp_path / "installed", tmp_path / "out")
    )
    assert len(own) == len(expected.outcomes) + 1
    assert own == installed


def test_the_wheel_holds_all_that_is_shipped(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {n.removeprefix("drift_exporter/assets/") for n in archive.namelist() if "/assets/" in n}
    wanted = {
        path
        for path, _ in shipped(ROOT, *PATTERNS)
        if not path.startswith(("provisioning/helm", "provisioning/compose", "provisioning/systemd"))
    }
    assert {n for n in wanted if "__pycache__" not in n} <= names


def test_without_either_it_is_told(tmp_path: Path) -> None:
    package = tmp_path / "exporter" / "drift_exporter"
    with pytest.raises(BundleError, match="install drift-exporter from its wheel"):
        assets_folder(package)
    assert assets_folder() == ROOT

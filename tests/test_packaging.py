"""What is built and installed is all of the package, and works where there is no checkout."""

import email
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

import listen_and_move

ROOT = Path(__file__).parents[1]
VERSION = listen_and_move.__version__


def run(*line: object, folder: Path, **environment: str) -> str:
    """Runs a program to its end."""
    done = subprocess.run(
        [str(word) for word in line],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist of the checkout and the wheel of that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", folder)
    run(*build, "--sdist", ROOT, folder=folder)
    with tarfile.open(folder / f"listen_and_move-{VERSION}.tar.gz") as archive:
        archive.extractall(folder / "source", filter="data")
    run(*build, "--wheel", folder / "source" / f"listen_and_move-{VERSION}", folder=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return built / f"listen_and_move-{VERSION}-py3-none-any.whl"


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    package = ROOT / "src"
    files = {
        path.relative_to(package).as_posix()
        for path in (package / "listen_and_move").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert len(files) > 250
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
        entry = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        about = email.message_from_bytes(archive.read(entry))
    assert found == files
    assert about["License-Expression"] == "MIT"
    assert {"app", "live", "stage", "sign"} <= set(about.get_all("Provides-Extra") or [])


def test_the_installed_wheel_plays(wheel: Path, tmp_path: Path, performance: Path) -> None:
    installed = tmp_path / "site"
    install = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", installed)
    run(*install, "--disable-pip-version-check", wheel, folder=tmp_path)
    line = (sys.executable, "-P", "-m", "listen_and_move")
    alone = {"PYTHONPATH": str(installed)}
    place = "import listen_and_move; print(listen_and_move.__file__)"
    assert run(sys.executable, "-c", place, folder=tmp_path, **alone).startswith(str(installed))
    assert run(*line, "--version", folder=tmp_path, **alone).split()[-1] == VERSION
    run(*line, "export", performance, "--web", "page", "--credit", "A program", folder=tmp_path, **alone)
    assert (tmp_path / "page" / "page.js").stat().st_size > 10_000


@pytest.mark.parametrize("name", ["tests.yml", "release.yml"])
def test_workflows_are_whole(name: str) -> None:
    """They were never run: that they can be read, and name programs that there are, is all that is known."""
    workflow = yaml.safe_load((ROOT / ".github/workflows" / name).read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        assert all(("uses" in step) != ("run" in step) for step in job["steps"])

"""What the documents beside the code say of files, versions and options holds.

Links among the documents in docs/ are checked where they are built (`mkdocs build --strict`).
"""

import re
from pathlib import Path

import pytest
import tyro

from listen_and_move import __version__
from listen_and_move.cli.commands import COMMANDS

ROOT = Path(__file__).parents[1]
AT_THE_ROOT = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
OF_OTHERS = {
    *("--parts", "--count", "--jobs", "--minutes", "--no-growth", "--presets", "--sizes", "--sounds"),
    *("--directory", "--profile", "--version"),
    *("--nproc-per-node", "--nnodes", "--node-rank", "--master-addr", "--master-port", "--shutdown-timeout"),
    *("--nodes", "--ntasks-per-node", "--gpus-per-node", "--cpus-per-task", "--signal"),
    *("--ntasks", "--gpus-per-task", "--interface", "--nthreads", "--no-dashboard", "--scheduler-file"),
}
"""Flags of benchmarks and of other programs, in lines that call them."""
FLAG = r"(?<![\w-])--[a-z][\w.-]*\w"
ROW = r"^│ (-.*?)(?:\s\s|$)"
"""Where the help begins to tell of an option."""


@pytest.mark.parametrize("name", AT_THE_ROOT)
def test_links_lead_to_files(name: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", (ROOT / name).read_text(encoding="utf-8"))
    inside = [link for link in links if "://" not in link]
    assert inside
    assert [link for link in inside if not (ROOT / link).exists()] == []


def test_the_readme_has_both_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\npip install . && listen-and-move demo\n" in readme
    assert '\npip install -e ".[dev]" && pytest\n' in readme


def test_the_newest_release_is_this_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version, date = re.findall(r"^## \[(\d.*)\] - (\d{4}-\d\d-\d\d)$", changes, re.MULTILINE)[0]
    assert version == __version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f'version: "{version}"' in citation
    assert f"date-released: {date}" in citation


def test_every_option_that_users_read_of_is_there() -> None:
    parsers = [tyro.extras.get_parser(kind) for _, kind in COMMANDS.values()]
    rows = [row for parser in parsers for row in re.findall(ROW, parser.format_help(), re.MULTILINE)]
    flags = {flag for row in rows for flag in re.findall(FLAG, row)}
    unknown = {}
    for file in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        read = set(re.findall(FLAG, file.read_text(encoding="utf-8")))
        if missing := read - flags - OF_OTHERS:
            unknown[file.name] = sorted(missing)
    assert unknown == {}

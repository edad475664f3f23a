"""What users install is listed whole, in a form that other programs read."""

import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tools.bill_of_materials import EXTRAS, bill, libraries

COMMITTED = Path(__file__).parents[1] / "docs" / "bill-of-materials.cdx.json"


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return bill()


@pytest.mark.parametrize("which", ["of this installation", "committed"])
def test_the_bill_is_cyclonedx(which: str, found: dict[str, Any]) -> None:
    # Compiles grammars for seconds: not in each process that collects tests.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = COMMITTED.read_text(encoding="utf-8") if which == "committed" else json.dumps(found)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_equal_installations_have_equal_bills(found: dict[str, Any]) -> None:
    assert bill() == found


def test_all_that_the_package_needs_is_listed_and_what_only_tests_need_is_not(found: dict[str, Any]) -> None:
    listed = {part["bom-ref"] for part in found["components"]}
    needed = {entry["ref"]: entry["dependsOn"] for entry in found["dependencies"]}
    assert {"torch", "numpy", "av", "opencv-python-headless", "starlette", "uvicorn", "h11"} <= listed
    assert not listed & {"pytest", "hypothesis", "playwright", "ruff", "cyclonedx-python-lib"}
    assert set(needed) == listed | {"listen-and-move"}, "each is there once, and says what it needs"
    assert {each for needs in needed.values() for each in needs} == listed


def test_libraries_inside_wheels_are_listed() -> None:
    files = {file.name for file in distribution("av").files or () if file.parent.name == "av.libs"}
    named = dict(libraries(distribution("av")))
    assert {name.split("-")[0].split(".")[0] for name in files} == {name.split("-")[0] for name in named}
    for name, version in named.items():
        assert any(file.startswith(name) and file.endswith(version) for file in files), name


def test_the_committed_bill_names_what_is_declared() -> None:
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))
    (own,) = (entry for entry in committed["dependencies"] if entry["ref"] == "listen-and-move")
    needs = map(Requirement, distribution("listen-and-move").requires or ())
    declared = {
        canonicalize_name(need.name)
        for need in needs
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in EXTRAS)
    }
    assert "starlette" in declared
    assert declared == set(own["dependsOn"])

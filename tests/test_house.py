"""Rules of the source as a whole: one name for one class, one place for the types of arrays."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_no_two_classes_have_one_name() -> None:
    found = defaultdict(list)
    for file in sources("src", "benchmarks"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(file.relative_to(ROOT).as_posix())
    assert len(found) > 100
    several = {name: files for name, files in found.items() if len(files) > 1}
    assert several == {}


def test_types_of_arrays_are_defined_in_one_place() -> None:
    defined = defaultdict(list)
    for file in sources("src"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            names = node.targets if isinstance(node, ast.Assign) else []
            for name in names:
                if isinstance(name, ast.Name) and name.id in ("Array", "FloatArray"):
                    defined[name.id].append(file.relative_to(ROOT).as_posix())
    place = ["src/listen_and_move/arrays.py"]
    assert defined == {"Array": place, "FloatArray": place}


def test_media_are_read_by_one_library_alone() -> None:
    readers = {"VideoCapture", "VideoWriter", "imread", "imreadmulti", "imdecode", "imdecodemulti"}
    calls = {
        node.attr
        for file in sources("src")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cv2"
    }
    assert "resize" in calls
    assert not calls & readers, "OpenCV has an FFmpeg of its own, which is never used"

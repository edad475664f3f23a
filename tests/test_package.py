"""The package as a user imports it."""

import subprocess
import sys

import listen_and_move


def test_public_names_are_callables_of_that_name() -> None:
    for name in listen_and_move.__all__:
        for _ in range(2):  # a module of the same name must not take its place
            assert getattr(listen_and_move, name).__name__ == name


def test_an_import_waits_for_no_large_library() -> None:
    code = "import sys, listen_and_move; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(found.stdout.split())
    assert "listen_and_move" in loaded
    assert not loaded & {"torch", "numpy", "av", "cv2", "matplotlib", "tyro"}

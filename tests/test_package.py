"""The package as a user imports it."""

import subprocess
import sys
import time

import listen_and_move


def test_public_names_are_callables_of_that_name() -> None:
    for name in listen_and_move.__all__:
        for _ in range(2):  # a module of the same name must not take its place
            assert getattr(listen_and_move, name).__name__ == name


def test_import_is_quick() -> None:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import listen_and_move"], check=True, timeout=60)
    assert time.perf_counter() - begun < 2

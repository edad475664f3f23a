"""Waiting for what another process or thread does, for as long as a busy machine may need."""

import time
from typing import Any

WAIT = 240
"""Seconds: a busy machine is no failure."""


def until(ask: Any, good: Any = bool, seconds: float = WAIT) -> Any:
    """What is answered once it is good."""
    end = time.monotonic() + seconds
    while not good(answer := ask()):
        assert time.monotonic() < end, answer
        time.sleep(0.05)
    return answer

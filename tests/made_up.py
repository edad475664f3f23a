"""Values that hypothesis makes up, the same on every machine."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

SAME_EVERYWHERE = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""However slow a machine is."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def put_anywhere(values: dict[str, Any], data: st.DataObject) -> Any:
    """Puts a value of any kind in the place of one that is there, at any depth, and returns it."""
    place = values
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or not data.draw(st.integers(0, 3)):
            break
        place = place[key]
    place[key] = data.draw(JSON)
    return place[key]

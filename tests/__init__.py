"""Tests: whatever they call checks shapes, since this module is imported before the package is."""

from tests.shapes import check_shapes

check_shapes()

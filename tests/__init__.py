"""Tests, whose calls of the package check shapes: the first of the tests to be imported, before the package."""

from tests.shapes import check_shapes

check_shapes()

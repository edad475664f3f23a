"""Types and shapes of what functions of the package take and return are checked while tests run."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""An int is a float, as type checkers have it."""

"""Experiments that the `studio` preset was chosen by: variants, trials and the table of their results."""

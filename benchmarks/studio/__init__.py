"""Experiments that the `studio` preset was chosen by: what is tried, on what, and the table of what came
out.
"""

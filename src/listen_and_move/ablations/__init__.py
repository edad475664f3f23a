"""Ablations: the paper's table, or any rows, trained and measured."""

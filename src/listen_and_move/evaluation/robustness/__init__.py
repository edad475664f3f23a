"""Robustness: a model played with hundreds of unpaired sounds."""

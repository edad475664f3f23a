"""Evaluation: does a model follow the sound, is its picture good, on what it was never trained on."""

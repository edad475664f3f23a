"""Artefacts of connections in generator and discriminators, as the sound moves away from training."""

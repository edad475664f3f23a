"""Alters what strangers send, and counts what comes of it."""

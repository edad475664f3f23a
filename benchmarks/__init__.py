"""Benchmarks: speed, memory and quality, measured on clips, sounds and models."""

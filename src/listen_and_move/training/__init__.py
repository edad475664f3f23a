"""Training: one step, one loop, one checkpoint."""

"""What the picture comes from."""

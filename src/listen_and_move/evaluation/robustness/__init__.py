"""A model played with hundreds of foreign sounds."""

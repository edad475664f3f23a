"""Inspection: what is in a video, and whether it will make a good model."""

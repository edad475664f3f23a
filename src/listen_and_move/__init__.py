"""Learn one video with its sound, then play that same picture with any other sound."""

__version__ = "0.1.0"

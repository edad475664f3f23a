"""Media files in and out, by time, through FFmpeg's libraries."""

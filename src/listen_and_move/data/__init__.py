"""One clip in memory, and the windows that are cut from it."""

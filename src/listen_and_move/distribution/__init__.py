"""Work that more than one process does: lanes of a training, runs and sounds of a study."""

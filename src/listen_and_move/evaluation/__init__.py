"""Does a model follow the sound, and is its picture good: measured on what it was never trained on."""

"""Sound as numbers: features, loudness, novelty, augmentation."""

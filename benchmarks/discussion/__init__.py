"""What the paper's author tried without gain, as rows of a study outside the package's settings."""

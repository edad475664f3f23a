"""What the paper's author tried without gain, as rows of a study: changes that no setting of the package names."""

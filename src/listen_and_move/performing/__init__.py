"""Live play as a command: from where sound comes, to where pictures go, paced by the sound."""

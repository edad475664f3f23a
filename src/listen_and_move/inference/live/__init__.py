"""Live play: a session, its pace, where sound comes from and where pictures go."""

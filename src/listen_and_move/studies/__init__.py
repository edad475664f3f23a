"""What each part of the method is worth: the same clip learnt with and without it, over several seeds."""

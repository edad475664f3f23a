"""What is run by hand around a release."""

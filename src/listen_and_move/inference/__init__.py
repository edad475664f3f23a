"""Playing a trained model with sound."""

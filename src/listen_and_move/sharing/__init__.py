"""What is given to others: outputs that say what they are."""

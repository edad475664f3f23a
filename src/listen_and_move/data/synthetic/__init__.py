"""A made-up performance: its sound and its picture from the same notes."""

"""What is given to others: a page without a server."""

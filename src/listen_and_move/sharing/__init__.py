"""What leaves the machine: pages without a server, and what a file says of itself."""

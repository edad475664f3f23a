"""Published networks: their forms, their weight files, and the registry of both."""

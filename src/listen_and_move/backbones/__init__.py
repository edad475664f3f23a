"""Published networks that measure pictures; their weights come from files that the user brings (see `weights`)."""

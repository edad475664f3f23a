"""Files of published network weights: the only place that knows their names, addresses and hashes."""

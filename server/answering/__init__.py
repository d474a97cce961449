"""From a checked request to its answers."""

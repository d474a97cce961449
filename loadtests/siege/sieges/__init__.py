"""One module per siege."""

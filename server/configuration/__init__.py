"""The settings, and where each comes from."""

"""The tasks that are served over HTTP, by name."""

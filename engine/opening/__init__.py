"""Opening an artifact: load, check, choose, measure. Once, at start or reload."""

"""Rows: what a request keeps between its steps, and where that lies."""

"""Measures of how this repository is built, each with its limit: `make structure`."""

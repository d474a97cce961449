"""Adapters to runtime libraries, one module each."""

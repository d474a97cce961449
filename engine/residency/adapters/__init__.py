"""Adapters that are loaded: `tables.py` where their numbers lie, `stages.py` the stages that take
them, `shelf.py` which there are and who uses them."""

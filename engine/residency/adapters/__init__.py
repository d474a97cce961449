"""Adapters that are loaded: `tables.py` where their numbers lie, `stages.py` the stages that take
them, `shelf.py` which there are, `lease.py` who uses them."""

"""Stages that take adapters: `room.py` their inputs and hooks, `forms.py` which there are."""

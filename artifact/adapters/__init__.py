"""Adapters on disk: `hooks.py` where they act, `record.py` what they are, `folder.py` reading and
writing."""

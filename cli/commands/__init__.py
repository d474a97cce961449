"""The commands of `otmv`, one module each; `cli/main.py` loads the one that is called."""

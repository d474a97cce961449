"""Tuning with few parameters: `tables.py` the arithmetic, `hooked.py` where it acts in the model,
`forms/` the published methods, `loaded.py` adapters from disk (ADR 0031)."""

"""Requests: a place or a refusal, a variant, a row, and an answer."""

"""Idle work: what the engine's thread does while no request is open."""

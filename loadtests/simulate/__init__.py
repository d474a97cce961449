"""Discrete-event simulation of scheduling policies; the elastic one is the engine's own."""

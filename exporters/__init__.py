"""Checkpoint in, artifact out."""

"""Loaded stages, the scheduler and the one loop that runs rows."""

"""The generated world: pictures, questions, captions (no torch)."""

"""What is loaded: stages, their bytes, and the variants they serve."""

"""Dynamic architecture skipping (DAS, ADR 0050): some layers are replaced by adapters."""

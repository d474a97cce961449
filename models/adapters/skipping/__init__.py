"""Dynamic architecture skipping (DAS, ADR 0037): some layers are replaced by adapters."""

"""BEiT-3 and the OTMV series over it."""

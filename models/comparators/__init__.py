"""The methods of the supplement's Table 4 as models (ADR 0022); `methods` needs no torch."""

"""`otmv bench engine`: the engine against what it replaces, pair by pair (docs/benchmarks)."""

"""From an artifact to TensorRT plans in the cache folder (ADR 0024). No torch."""

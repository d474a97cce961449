"""From an artifact to TensorRT plans in the cache folder (docs/adr/0024-plans.md). No torch."""

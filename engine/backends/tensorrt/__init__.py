"""The TensorRT backend: plans from the cache folder on an NVIDIA GPU (ADR 0023, ADR 0024)."""

"""CUDA for backends: the driver, the runtime, and arrays in device memory."""

"""Benchmarks and load tests: over HTTP, in the same process, simulated, and on a GPU."""

"""The device: its graphs, its clock, what the profiler sees on it."""

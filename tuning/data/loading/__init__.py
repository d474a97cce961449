"""Batches for tuning: in a fixed order, decoded and changed at random in worker processes."""

"""The elastic scheduler: rows at many depths in one batch, each stop a measured variant."""

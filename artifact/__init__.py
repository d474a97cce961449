"""The contract on disk between tuning/exporting and serving."""

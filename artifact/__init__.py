"""The contract on disk between exporting and serving."""

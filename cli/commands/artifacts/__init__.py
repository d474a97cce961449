"""Commands about artifacts that are there: `otmv inspect`, `otmv build`, `otmv profile`."""

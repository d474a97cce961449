"""Recipes as files: what one says, checked, and those that are shipped."""

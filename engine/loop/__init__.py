"""The one thread that decides and runs steps."""

"""API keys: which requests may pass, and how often."""

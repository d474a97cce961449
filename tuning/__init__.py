"""Once-tuning."""

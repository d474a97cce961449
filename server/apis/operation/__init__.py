"""What operators ask for, and what looks after a server: health, metrics, reloads, memory."""

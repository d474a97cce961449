"""What attackers send, and the process that sends it."""

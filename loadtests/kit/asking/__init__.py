"""What is sent over HTTP: cases, their bytes, and the answers judged."""

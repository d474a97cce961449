"""What runs around the server. Nothing imports it."""

"""HTTP itself: connections, bodies, forms, event streams."""

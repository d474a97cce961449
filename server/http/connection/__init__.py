"""One connection: what may arrive on it, how it is cut into requests, and how it ends."""

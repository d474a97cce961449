"""Which variants of a tuned model are shipped: found on one split, never the one reported on."""

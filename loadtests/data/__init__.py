"""`otmv bench data`: what reading and loading data costs, held against its bars."""

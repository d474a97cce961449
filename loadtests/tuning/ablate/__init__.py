"""`otmv ablate`: what a choice of tuning is worth, by runs that differ in that choice alone."""

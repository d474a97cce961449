"""What locust's users share: budget classes, plans, marks, thresholds, the run and its report."""

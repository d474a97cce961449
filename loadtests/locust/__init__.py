"""What locust's users share: budget classes, schedules, marks, thresholds, run, report."""

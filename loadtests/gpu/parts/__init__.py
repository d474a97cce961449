"""What the suite measures, a module a part; each has `run(rig)`."""

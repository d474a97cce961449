"""How each task's labelled examples come from a world, one module per task."""

"""Tuning on data sets, as a recipe says: any method, any tasks, one process or several."""

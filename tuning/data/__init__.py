"""Data sets: readers of public formats and of your own files, what is wrong, and loading."""

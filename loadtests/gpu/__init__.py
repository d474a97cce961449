"""`make gpu-suite`: the models on one GPU, in minutes, with torch and little else."""

"""`make gpu-suite`: what one GPU tells of the models, in minutes, with torch and little else."""

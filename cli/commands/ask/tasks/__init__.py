"""What `otmv ask` sends and prints for each task, one module each."""

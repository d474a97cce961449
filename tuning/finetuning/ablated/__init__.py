"""One run of `otmv ablate`, in a process of its own."""

"""What is installed, from where, and what is known of it: locks and bills of materials."""

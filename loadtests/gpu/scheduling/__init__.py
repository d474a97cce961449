"""The scheduler on the device: fitted costs, and the loop that it drives."""

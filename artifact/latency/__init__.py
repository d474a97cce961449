"""How long stages take on this machine, and what this machine is."""

"""The otmv console command."""

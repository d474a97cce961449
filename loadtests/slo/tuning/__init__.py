"""Each rival's own best settings, for each variant, found on other arrivals than are reported."""

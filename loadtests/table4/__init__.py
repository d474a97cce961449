"""`otmv bench table4`: the paper's Table 4, measured directly and from Prometheus."""

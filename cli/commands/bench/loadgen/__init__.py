"""`otmv bench loadgen`: MLPerf's load generator before a running server."""

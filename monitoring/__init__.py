"""What Prometheus is asked, by a client, dashboards, benchmarks and the report page."""

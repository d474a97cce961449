"""`otmv report`: what a Prometheus server has seen of a server, as one page."""

"""Dashboards from code: `python -m deploy.grafana.generate` writes dashboards/*.json."""

"""Monitoring as code: Grafana boards and Prometheus alerts, defined once and exported as files."""

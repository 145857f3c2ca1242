"""Monitoring as code: Grafana boards and Prometheus alerts, written once and exported as files."""

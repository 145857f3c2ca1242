"""The health check and the metrics for Prometheus, computed from a snapshot of the store."""

"""Health and Prometheus: a snapshot of the store, turned into gauges."""

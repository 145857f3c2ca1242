"""Boards as pictures, for documents: `python -m deploy.monitoring.picture http://127.0.0.1:9090 docs/boards`.

Grafana itself draws them in a browser; here the exported boards are drawn from the same queries of a live Prometheus,
at the same places and in the same colours, so that a reader sees what to expect.
"""

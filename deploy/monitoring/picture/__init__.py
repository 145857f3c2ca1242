"""Pictures of the boards, for documents: `python -m deploy.monitoring.picture http://127.0.0.1:9090 docs/boards`.

Grafana draws the boards in a browser; here the exported boards are drawn from the same queries of a live Prometheus,
with the same layout and colours, so that a reader sees what to expect.
"""

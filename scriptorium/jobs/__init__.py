"""Running jobs: the queue, the pipeline, the phase runner and its reporters, and the recovery of lost work."""

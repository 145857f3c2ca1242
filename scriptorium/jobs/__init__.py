"""Jobs on their way: queue, pipeline, the phase runner, what it reports, and what finds lost work."""

"""What an attempt at a phase needs: the heartbeat that keeps its lease, the reporter of a real job, and its outbox."""

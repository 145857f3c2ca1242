"""A day in ten minutes: the real API, Redis and workers, of which nothing may grow; only a phase's work is played."""

"""Commands for whoever owns the machine: the keys of its API."""

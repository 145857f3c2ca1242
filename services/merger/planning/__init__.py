"""Plan a merge: the checkpoint, the base, and the source of each tensor."""

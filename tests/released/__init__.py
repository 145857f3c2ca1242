"""What released versions wrote, kept for their successors to read: a volume, and the messages of the queue."""

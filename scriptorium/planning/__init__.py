"""What a training will need and do, told before it starts: updates, memory, time and disk."""

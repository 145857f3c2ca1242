"""What preparation found in a job's manuscript, while it waits for a decision and after."""

"""Search: jobs and uploaded files by words."""

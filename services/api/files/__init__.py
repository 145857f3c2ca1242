"""Files: uploaded manuscripts, in one piece or in parts, and the results of jobs."""

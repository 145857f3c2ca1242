"""The events of all jobs, in the store and, once a job has ended, on the volume."""

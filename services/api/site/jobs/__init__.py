"""The pages of jobs: all of them with their progress, and one with everything that is known of it."""

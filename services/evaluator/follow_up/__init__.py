"""What follows a verdict that surprises: another trial is measured, a change is named, or the job ends."""

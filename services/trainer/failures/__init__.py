"""What ended a training early, and what can be changed so that it goes on."""

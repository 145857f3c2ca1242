"""A second judge of style: how much likelier a passage becomes for the base model behind text by the author."""

"""What we depend on: a bill of materials, licences, and known holes."""

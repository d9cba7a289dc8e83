"""What brings the platform up on a host: how its processes start, how a release goes live."""

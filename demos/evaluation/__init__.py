"""What the demos judge by: distances, probes, distributions."""

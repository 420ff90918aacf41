"""The course on a memory stick, for places without a network."""

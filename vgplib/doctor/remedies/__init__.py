"""What to do about a finding, and whether it helps."""

"""What is read off a network, and what theory expects to be read."""

"""Looking on while a network trains."""

"""The rules: what is sick, told from the evidence."""

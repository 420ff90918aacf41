"""What the pages read aloud: the texts, how each word of them is spoken, and the recordings."""

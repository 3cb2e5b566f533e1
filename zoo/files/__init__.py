"""Reading text files that nothing is known of, and writing files whole or not at all."""

"""A made-up company whose exports and truth are known."""

"""Statistics that SQL cannot express: arrays in, arrays out."""

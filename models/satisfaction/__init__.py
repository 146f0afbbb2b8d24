"""What drives satisfaction, and what satisfaction does."""

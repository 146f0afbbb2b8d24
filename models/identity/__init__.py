"""What identity resolution needs beyond SQL."""

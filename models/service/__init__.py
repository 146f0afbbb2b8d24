"""Statistics of service: business time, and what good and bad recovery does to customers."""

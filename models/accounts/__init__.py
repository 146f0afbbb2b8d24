"""Who belongs together beyond one customer: organisations with their hierarchy, households."""

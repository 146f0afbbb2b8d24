"""What a loyalty programme causes, beyond what its members would have done anyway."""

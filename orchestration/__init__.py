"""What runs, when and in which order: Dagster definitions, the command line and their pure code."""

"""Building blocks that YAML files configure: a source system is one YAML file."""

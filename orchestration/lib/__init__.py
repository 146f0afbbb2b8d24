"""Pure code behind the definitions: testable without Dagster; never imports from `defs/`."""

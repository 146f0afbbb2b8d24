"""Great Expectations suites and the engine that runs them."""

"""An invented population for demonstrations, tests and benchmarks. Nobody in it exists."""

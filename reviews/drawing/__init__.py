"""The time line and the taper chart: geometry and words, from the values of the rules. Pure."""

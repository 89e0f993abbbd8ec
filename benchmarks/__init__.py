"""What things cost, each beside a floor taken in the same run: read the ratios, not the times."""

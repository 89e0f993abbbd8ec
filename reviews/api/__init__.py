"""The REST edge: JSON in and out, keys, pages and their limits. No thought of its own."""

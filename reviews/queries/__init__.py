"""What a page or an API asks. Nothing here writes."""

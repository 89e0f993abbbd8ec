"""The edge of SMART Backend Services: where systems learn how to ask for tokens, and ask."""

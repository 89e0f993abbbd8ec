"""The edge of CDS Hooks: a record system asks while somebody reads a record or writes an order."""

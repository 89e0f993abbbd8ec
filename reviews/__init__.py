"""Prescriptions, screening, flags, cases and decisions."""

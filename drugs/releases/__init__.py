"""The files of national lists that a licensed site reads in: pieces from rows, and nothing else.

No content of a release comes with the portal. Each module knows one list in its documented files.
"""

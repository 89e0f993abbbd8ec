"""PURE: what a letter is: its named fields, how a text is read and filled, what it may not say."""

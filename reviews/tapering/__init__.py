"""Planning a taper: pure, like the rules, of which it uses the drug facts and the limits.

A plan is a value: a drug, the days on which the dose changes, and how each dose is made up from
tablets, capsules or a liquid. Amounts are `Decimal` mg, so that half a tablet is exactly half.
Nothing here reads a clock or the database, and no plan ever goes from a dose to nothing except by
the smallest step that can be made.
"""

"""Identifiers that look real and are nobody's."""

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
TEST_RANGE = "999"
"""NHS numbers from 999 000 0000 to 999 999 9999 are kept for tests and are never issued."""
MOST = 900_000
"""So many NHS numbers `nhs_number` makes; the range holds about 909,000 with a check digit."""
_SPREAD = 7919  # a prime that does not divide MOST: neighbours get numbers that look unrelated


def check_digit(nine_digits: str) -> int | None:
    """The modulus-11 check digit of an NHS number, or None where no number has these digits."""
    weighed = sum((10 - n) * int(digit) for n, digit in enumerate(nine_digits))
    return None if weighed % 11 == 1 else -weighed % 11


def nhs_number(serial: int) -> str:
    """The NHS number of test person `serial` (0 to 899,999), different for each.

    Of ten numbers that differ in the ninth digit at most one has no check digit (the digit weighs
    2, and 2 is a unit modulo 11), so nine of each ten are used and that one is stepped over.
    """
    if not 0 <= serial < MOST:
        raise ValueError(f"The test range holds no NHS number {serial}.")
    ten, place = divmod(serial * _SPREAD % MOST, 9)
    front = f"{TEST_RANGE}{ten:05d}"
    weighed = sum((10 - n) * int(digit) for n, digit in enumerate(front))
    impossible = (1 - weighed) * 6 % 11  # 6 is the inverse of 2 modulo 11
    ninth = place if place < impossible else place + 1
    return f"{front}{ninth}{-(weighed + 2 * ninth) % 11}"

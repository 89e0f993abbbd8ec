"""What a browser calls itself, in words that its person recognises."""

BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"))
SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


def named(user_agent: str) -> str:
    """Such as “Firefox on Windows”; the first that fits, as later names stand in many."""
    browser = next((name for sign, name in BROWSERS if sign in user_agent), "")
    if not browser:
        browser = "Safari" if "Safari" in user_agent else "Unknown browser"
    system = next((name for sign, name in SYSTEMS if sign in user_agent), "")
    return f"{browser} on {system}" if system else browser

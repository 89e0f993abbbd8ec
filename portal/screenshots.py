"""`./dev screenshots`: the main pages as the demo's people see them, three widths, day and night.

All go to var/screenshots/png; the few that README and guides show are renewed in docs/screenshots.
"""

import json
import re
import sys

from playwright.sync_api import Page, sync_playwright

from portal.local import BASE_DIR, VAR

WIDTHS = (360, 768, 1440)
SCHEMES = ("light", "dark")
HEIGHT = 1000
SHOWN = BASE_DIR / "docs" / "screenshots"
# ./dev gives this program a home of its own: var/screenshots.
MADE = VAR / "png"
ARGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")

# Who looks at what: a name, an address, and the links to follow from there.
PAGES = {
    None: (("sign-in", "/", ()),),
    "ravi": (
        ("queue", "/", ()),
        ("queue-empty", "/?q=zzyzx", ()),
        ("case", "/", (".case-row a",)),
        ("my-work", "/my-work", ()),
        ("hand-over", "/hand-over", ()),
        ("search", "/search?q=diazpam", ()),
        ("patients", "/patients", ()),
        ("patient", "/?rule=DUR-04", (".case-row a", ".patient-banner .name a")),
        ("preferences", "/preferences", ()),
    ),
    "clara": (("prescribe", "/?rule=DUR-01", (".case-row a", "[data-key=p]")),),
    "ada": (
        ("formulary", "/formulary", ()),
        ("drug", "/formulary/diazepam", ()),
        ("rules", "/rules", ()),
        ("rule", "/rules/DUR-04", ()),
        ("rulebooks", "/rule-books", ()),
        ("upkeep", "/upkeep", ()),
        ("integrations", "/integrations", ()),
    ),
    "audrey": (
        ("audit", "/patients", ("tbody a", "a[href$='/audit']")),
        ("audit-desk", "/audit?q=zopiclone", ()),
    ),
}


def main(port: str, chromium: str) -> None:
    passwords = json.loads((VAR / "demo-signins.json").read_text())
    MADE.mkdir(exist_ok=True)
    made = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGS)
        for user, pages in PAGES.items():
            context = browser.new_context(base_url=f"http://127.0.0.1:{port}", locale="en-GB")
            page = context.new_page()
            if user:
                _sign_in(page, user, passwords[user])
            for name, address, links in pages:
                page.set_viewport_size({"width": max(WIDTHS), "height": HEIGHT})
                page.goto(address)
                for link in links:
                    page.goto(page.locator(link).first.evaluate("link => link.href"))
                if name == "prescribe":
                    _begin_prescription(page)
                made += _photograph(page, name)
            if user == "ada":
                made += _change_a_threshold(page)
            context.close()
        browser.close()
    print(f"{made} screenshots in {MADE}")


def _sign_in(page: Page, user: str, password: str) -> None:
    page.goto("/")
    page.get_by_label(re.compile("user name", re.IGNORECASE)).fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def _begin_prescription(page: Page) -> None:
    page.get_by_label("Find a medicine").fill("morphine 10 mg tab")
    page.locator("#matches input").first.check()
    page.get_by_label("Each time").fill("1")
    page.get_by_label("Times a day").fill("2")
    page.get_by_label("Times a day").blur()
    page.locator("#preview .flag").first.wait_for()


def _change_a_threshold(page: Page) -> int:
    """28 becomes 14 days, as docs/governance.md tells it: an edit, what it would do, the draft."""
    page.goto("/rules/DUR-01/change")
    page.get_by_label("What it is for").fill("Short courses for anxiety")
    page.get_by_role("button", name="Begin a draft").click()
    page.get_by_label("Fact", exact=True).select_option("s2_over_days")
    page.get_by_role("button", name="Open the fact").click()
    page.get_by_label("S2 above").fill("14")
    page.get_by_label("Source", exact=True).fill("Harbour prescribing policy 2026")
    page.get_by_label("Where in it").fill("section 4.2, page 7")
    page.get_by_label("Look again by").fill("+180d")
    page.get_by_label("Why", exact=True).fill("We want the talk in the second week.")
    made = _photograph(page, "threshold")
    page.get_by_role("button", name="Save in the draft").click()
    page.get_by_role("button", name="Freeze for a second person").click()
    draft = page.url
    page.get_by_role("link", name="What-if").click()
    page.get_by_role("button", name="Find out").click()
    while not page.get_by_role("button", name="Run again").is_visible():
        page.wait_for_timeout(1000)
        page.reload()
    made += _photograph(page, "what-if")
    page.goto(draft)
    return made + _photograph(page, "rulebook-draft")


def _photograph(page: Page, name: str) -> int:
    for width in WIDTHS:
        for scheme in SCHEMES:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            page.emulate_media(color_scheme=scheme)
            file = f"{name}-{width}-{scheme}.png"
            page.screenshot(path=MADE / file, full_page=True)
            if (SHOWN / file).exists():
                page.screenshot(path=SHOWN / file)
    return len(WIDTHS) * len(SCHEMES)


if __name__ == "__main__":
    main(*sys.argv[1:])

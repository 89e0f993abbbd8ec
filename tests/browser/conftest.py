"""A real Chromium before the real pages: one browser a run, a fresh window for each visit."""

import os

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import sync_playwright

from portal import browser as system_browser

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
PATIENCE_MS = 10_000


@pytest.fixture(scope="session")
def chromium():
    path = system_browser.find()
    if path is None:
        pytest.skip(f"There is no Chromium here. {system_browser.HOW_TO_GET_IT}")
    # Playwright's loop runs in this thread; the tests' own queries are synchronous all the same.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def visit(chromium, live_server, rulebook):
    """`visit(user, path)` opens a window of its own, signed in as `user` unless None.

    What a page complains of in its console, and every error of a script, fails the test.
    """
    contexts, complaints = [], []

    def open_page(user=None, path="/", *, width=1440, height=900, scheme="light", js=True):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            java_script_enabled=js,
            base_url=live_server.url,
            locale="en-GB",
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        if user is not None:
            client = Client()
            client.force_login(user, backend=BACKEND)
            cookie = client.cookies[settings.SESSION_COOKIE_NAME]
            context.add_cookies(
                [{"name": cookie.key, "value": cookie.value, "url": live_server.url}]
            )
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []

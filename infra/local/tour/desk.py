"""The desk in the monolith, as a contributor's browser shows it: forms, cookies, redirects."""

import http.cookiejar
import re
import urllib.parse
import urllib.request
import uuid

from machine import client
from machine.failure import Failure
from machine.seed import PASSWORD

FORM_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


class Desk:
    """The desk of a contributor who has just joined."""

    def __init__(self, site: str, name: str) -> None:
        self._site = site
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._browser = urllib.request.build_opener(cookies)
        email = f"{name.lower()}-{uuid.uuid4().hex[:8]}@example.org"
        self._submit("/register", name=name, email=email, password=PASSWORD)
        self._submit("/desk/join", page="/desk", name=name)

    def publish(self, **article: str) -> str:
        """Write an article and publish it; the answer is its name in URLs."""
        return self._submit("/desk/new", action="publish", **article).rpartition("/")[2]

    def _submit(self, path: str, page: str | None = None, **fields: str) -> str:
        """Load the page with the form and send it; the answer is the path to which that leads."""
        _, text = self._open(page or path)
        token = FORM_TOKEN.search(text)
        if token is None:
            raise Failure(f"The monolith's page {page or path} has no form.")
        form = urllib.parse.urlencode(fields | {"form_token": token.group(1)}).encode()
        return self._open(path, form)[0]

    def _open(self, path: str, form: bytes | None = None) -> tuple[str, str]:
        request = urllib.request.Request(self._site + path, form, {"Accept": "text/html"})
        try:
            with self._browser.open(request, timeout=client.TIMEOUT_SECONDS) as answer:
                return urllib.parse.urlsplit(answer.url).path, answer.read().decode()
        except OSError as error:
            raise Failure(f"The monolith's page {path} cannot be used: {error}") from error

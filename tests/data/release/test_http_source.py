"""Addresses that can be fetched from, and where a redirect may lead."""

from __future__ import annotations

import urllib.request

import pytest

from tfnoise.data.release import http_source
from tfnoise.data.release.http_source import check_url
from tfnoise.errors import InputError


def test_no_redirect_from_https_to_http():
    handler = http_source._Redirects()
    for url, new in (("https://h/x", "http://h/x"), ("http://h/x", "gopher://h/x")):
        with pytest.raises(InputError, match="https://h/x: leads to|http://h/x: leads to"):
            handler.redirect_request(urllib.request.Request(url), None, 302, "", {}, new)
    assert handler.redirect_request(urllib.request.Request("http://h/x"), None, 302, "", {}, "https://h/y")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/data",
        "data",
        "file:///data",
        "ftp://h/x",
        "http://",
        "http:///x",
        "http://h:x/",
        "http://h:0/",
        "http://h:99999/",
        "http://user:word@h/",
        "http://h/?x=1",
        "http://h/#x",
        "http://h/a b",
        "http://h/\u00e9",
        "http://[::1/",
    ],
)
def test_addresses_that_are_none(url):
    with pytest.raises(InputError):
        check_url(url)


def test_addresses():
    for url in (
        "http://h",
        "https://h/a/b%20c/",
        "http://127.0.0.1:8000/x",
        "HTTPS://h/",
        "http://[::1]:80/",
    ):
        check_url(url)

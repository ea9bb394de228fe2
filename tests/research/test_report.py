"""Pages: all is inside of the HTML, nothing is markup that should be text, Markdown links to its files."""

from __future__ import annotations

import base64
import html.parser
import re

import pytest

from tfnoise.research.report import Chapter, Picture, Sounds, Table, html_page, markdown_page, number

PNG, FLAC = b"\x89PNG picture", b"fLaC sound"
CHAPTERS = [
    Chapter(
        "First <section>",
        [Table(["loss", "MSE"], [["NLPD", "0.1 | 0.2"]], "of 3 clips"), Picture("figures/a.png", 'a "clip"')],
    ),
    Chapter("Second", [Sounds([("original", "audio/a.flac")], "a clip")]),
]


@pytest.fixture
def folder(tmp_path):
    for path, content in (("figures/a.png", PNG), ("audio/a.flac", FLAC)):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_bytes(content)
    return tmp_path


class _Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.sources, self.open, self.links, self.ids = [], [], [], []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.sources += [values["src"]] if "src" in values else []
        self.links += [values["href"]] if "href" in values else []
        self.ids += [values["id"]] if "id" in values else []
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_well_formed_and_needs_nothing_from_elsewhere(folder):
    page, links = html_page("A & B", ["a < b & c"], CHAPTERS, folder), _Links()
    links.feed(page)
    contents = [base64.b64decode(source.partition("base64,")[2]) for source in links.sources]
    assert contents == [PNG, FLAC] and all(source.startswith("data:") for source in links.sources)
    assert links.links == [f"#{name}" for name in links.ids] == ["#s0", "#s1"]
    assert not links.open and "http" not in page
    assert "a &lt; b &amp; c" in page and "First &lt;section&gt;" in page and "<section>" not in page


def test_markdown_links_to_files_that_are_there(folder):
    page = markdown_page("A", ["a < b"], CHAPTERS)
    for path in re.findall(r"\]\((.*?)\)", page):
        assert (folder / path).is_file()
    assert "| loss | MSE |\n| --- | ---: |\n| NLPD | 0.1 \\| 0.2 |" in page


def test_numbers_have_three_digits():
    texts = [number(value) for value in (0.04693, 0.5, 12.34, 1234.6, 0, None, float("nan"))]
    assert texts == ["0.0469", "0.500", "12.3", "1235", "0", "–", "–"]

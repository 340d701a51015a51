"""A reader of HTML that is strict: what is opened is closed, and nothing points outside."""

from __future__ import annotations

from base64 import b64decode
from html.parser import HTMLParser

VOID = {"img", "meta"}
REFERENCES = {"src", "href", "srcset", "poster", "data", "action"}


class Page(HTMLParser):
    """What was read: rows of tables by their first cell, titles, what lies inside, and all words."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, list[str]] = {}
        self.titles: list[str] = []
        self.inside: list[tuple[str, bytes]] = []
        self.words = ""
        self.open: list[str] = []
        self._cells: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            assert not name.startswith("on"), f"<{tag}> runs something {name}"
            if name in REFERENCES:
                assert value is not None
                assert value.startswith("data:"), f"<{tag} {name}> points outside: {value[:80]}"
                kind, data = value.removeprefix("data:").split(";base64,")
                self.inside.append((kind, b64decode(data, validate=True)))
        assert tag != "script"
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self._cells = []
        if tag in ("th", "td"):
            self._cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag
        if tag == "tr":
            self.rows[self._cells[0]] = self._cells[1:]

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            assert "url(" not in data
            assert "@import" not in data
            return
        self.words += data
        if self.open and self.open[-1] in ("th", "td"):
            self._cells[-1] += data
        if self.open and self.open[-1] == "h2":
            self.titles.append(data)


def read_page(html: str) -> Page:
    """Read a page or a part of one."""
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == []
    return page

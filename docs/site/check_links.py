"""Whether every link of the built site leads to a page or a place that is there, and every page has a way in.

    python docs/site/check_links.py [build/site]

The builder checks pages in Markdown; notebooks and what is made of docstrings it takes as they are. Links to
other hosts are not followed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """A page's links, what it loads, and the places in it that links may lead to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the element leads to, loads, or is."""
        given = dict(attrs)
        self.places.update(value for key in ("id", "name") if (value := given.get(key)))
        if tag == "a" and (link := given.get("href")):
            self.links.add(link)
        if tag in ("script", "img") and (source := given.get("src")):
            self.loaded.add(source)
        if tag == "link" and given.get("rel") == "stylesheet" and (source := given.get("href")):
            self.loaded.add(source)


def faults(site: Path) -> Iterator[str]:
    """A line for each link that leads nowhere, each thing that needs a network, and each page without a way in."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}
    reached = {(site / "index.html").resolve()}
    for path, page in pages.items():
        for source in sorted(page.loaded):
            if urlsplit(source).netloc:
                yield f"{path.relative_to(site.resolve())} loads {source}"
        for link in sorted(page.links | page.loaded):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target != path:
                reached.add(target)
            place = unquote(parts.fragment)
            if not target.exists():
                yield f"{path.relative_to(site.resolve())} leads to {link}, which is not there"
            elif place and target in pages and place not in pages[target].places and not place.startswith("__"):
                yield f"{path.relative_to(site.resolve())} leads to {link}: there is no such place on that page"
    yield from (f"{path.relative_to(site.resolve())} has no way in" for path in pages if path not in reached)


def main() -> None:
    """Print the faults, and fail where there is one."""
    found = list(faults(Path(sys.argv[1] if len(sys.argv) > 1 else "build/site")))
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()

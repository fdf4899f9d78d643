"""``rnn-lm cache``: what is kept on this machine, and how to be rid of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rnn_lm.progress import TerminalProgress


@dataclass(frozen=True)
class Options:
    """Say where the cache is and what is in it; empty it.

    The environment variable RNN_LM_CACHE names another folder.
    """

    clear: Literal["nothing", "tokens", "downloads", "all"] = "nothing"
    """What to delete: tokenized corpora, which are made again when they are needed; downloaded files, which are fetched
    again; or both. Anything else in the folder is left alone."""


def run(options: Options) -> None:
    """Delete what is to be deleted, and list the rest."""
    from rnn_lm.corpora.cache import clear_downloads, clear_tokens, kept_downloads, kept_tokens, require_cache
    from rnn_lm.corpora.download import Downloads

    progress = TerminalProgress()
    cache = Downloads.from_environment(progress).cache
    require_cache(cache)
    if options.clear in {"tokens", "all"}:
        clear_tokens(cache)
    if options.clear in {"downloads", "all"}:
        clear_downloads(cache)
    tokens, downloads = kept_tokens(cache), kept_downloads(cache)
    for title, kept in (("tokenized corpora", tokens), ("downloads", downloads)):
        progress.say(f"{title}: {sum(kept.values()) / 1e6:,.1f} MB")
        for name, size in kept.items():
            progress.say(f"  {size / 1e6:>10,.1f} MB  {name}")
    progress.say(f"cache       {cache}; RNN_LM_CACHE names another folder, --clear deletes")

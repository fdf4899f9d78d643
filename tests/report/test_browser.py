"""In a browser: figures are drawn, and nothing that stands in a results file is run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from report.test_hostile import Shape, _hostile
from rnn_lm.report.html import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OWN = "document.documentElement.id='owned'"
PAYLOADS = (
    f'</script></style></title><img src=x onerror="{OWN}"><script>{OWN}</script>',
    f"""'" onfocus="{OWN}" autofocus tabindex=1 x='""" + "{{constructor.constructor(`" + OWN + "`)()}}',",
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]


def _after_scripts(page: Path) -> str:
    """The page's elements once its scripts have run."""
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent}/profile",
        "--window-size=1200,30000", "--virtual-time-budget=20000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True, timeout=240).stdout.decode()


def test_a_payload_that_is_not_escaped_would_be_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><title>{PAYLOADS[0]}</title>", encoding="utf-8")
    assert "owned" in Shape(_after_scripts(page)).ids


@pytest.mark.parametrize("payload", PAYLOADS)
def test_strings_of_results_run_no_script(full_results: dict[str, Any], tmp_path: Path, payload: str) -> None:
    page = tmp_path / "page.html"
    write_report(_hostile(full_results, payload), page)
    found = Shape(_after_scripts(page))
    assert "owned" not in found.ids
    assert {"live", "save"} <= found.classes  # the page's own script has drawn figures
    assert "img" not in {tag for tag, _ in found.elements}

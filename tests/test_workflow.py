"""What the checks on the host promise is what pyproject.toml allows: the oldest and the newest, on every system."""

import re
import tomllib

from by_path import ROOT

WORKFLOW = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_oldest_python_that_is_allowed_is_checked_on_every_system():
    (oldest,) = re.findall(r">=(3\.\d+)", PROJECT["requires-python"])
    (checked,) = re.findall(r"python: \[(.*)\]", WORKFLOW)
    versions = [version.strip(' "') for version in checked.split(",")]
    assert versions[0] == oldest
    assert [int(version.split(".")[1]) for version in versions] == list(range(11, 11 + len(versions)))
    assert "os: [ubuntu-latest, macos-latest]" in WORKFLOW


def test_the_oldest_torch_that_is_allowed_is_checked_with_the_oldest_python():
    (oldest,) = re.findall(r"torch>=([\d.]+)", " ".join(PROJECT["dependencies"]))
    (checked,) = re.findall(r'torch: "([\d.]+)\.\*", python: "(3\.\d+)"', WORKFLOW)
    assert checked == (oldest, PROJECT["requires-python"].removeprefix(">="))

"""What a check is given: a version, the programs under test, and a way to make cores."""
import json
import pathlib
import subprocess
import sys
from dataclasses import dataclass, field

from census import Inquest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
STATUS_UNAVAILABLE = 77
GC_CORES = 10  # how many cores are made in the middle of a collection


class Unavailable(Exception):
    """This core cannot be made here; the test is skipped with that reason."""


@dataclass
class Context:
    version: str
    inquest: str
    plugin: str | None = None
    gc_cores: int = GC_CORES
    printed: list[str] = field(default_factory=list)

    def make(self, case: str, *arguments: str, instance: int = 0) -> pathlib.Path:
        command = [str(REPOSITORY / "scripts" / "make_core"), case, self.version, "--instance", str(instance)]
        done = subprocess.run(command + (["--", *arguments] if arguments else []), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        sys.stderr.write(done.stderr)
        if done.returncode == STATUS_UNAVAILABLE:
            raise Unavailable(done.stderr.strip().splitlines()[-1])
        if done.returncode != 0:
            raise RuntimeError(f"make_core {case} {self.version}: {done.stderr.strip()}")
        return pathlib.Path(done.stdout.strip())

    def open(self, directory: pathlib.Path) -> Inquest:
        return Inquest(self.inquest, directory / "core")

    def say(self, text: str) -> None:
        self.printed.append(text)


def truth_of(directory: pathlib.Path) -> dict:
    return json.loads((directory / "truth.json").read_text())

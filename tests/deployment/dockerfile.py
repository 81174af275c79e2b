"""docker/Dockerfile as stages, and what of a build a machine without an engine can do: COPY and RUN in a folder."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
_VARIABLE = re.compile(r"\$\{(\w+)\}")
# Where the stages that install write; in a folder these begin below it.
_PLACES = re.compile(r"(?<![\w.])(?=/(?:opt|src|usr/local/bin)\b)")


@dataclass(kw_only=True, slots=True)
class Stage:
    """One stage: what it stands on, and its instructions as (name, arguments) in their order."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [arguments for name, arguments in self.instructions if name == instruction]


def read_stages(text: str) -> dict[str, Stage]:
    """Every stage by its name; arguments of the file are replaced by their defaults."""
    defaults: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    for name, arguments in _instructions(text):
        if name == "FROM":
            base, _, stage = arguments.partition(" AS ")
            stages[stage] = Stage(name=stage, base=_filled(base, defaults))
        elif not stages:
            variable, _, value = arguments.partition("=")
            defaults[variable] = _filled(value, defaults)
        else:
            list(stages.values())[-1].instructions.append((name, arguments))
    return stages


def lineage(stages: Mapping[str, Stage], target: str) -> list[Stage]:
    """The target and every stage below it, the lowest first."""
    stage = stages[target]
    return [*(lineage(stages, stage.base) if stage.base in stages else ()), stage]


def build(stages: Sequence[Stage], root: Path, *, environment: Mapping[str, str]) -> None:
    """Do the COPY and RUN of stages that stand on each other with `root` for `/`.

    Raises: CalledProcessError: a command failed; what it said is printed.
    """
    folder = root
    for name, arguments in (instruction for stage in stages for instruction in stage.instructions):
        if name == "WORKDIR":
            folder = root / arguments.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            _copy(shlex.split(arguments), folder, root)
        elif name == "RUN":
            command = _PLACES.sub(str(root), arguments)
            subprocess.run(["/bin/sh", "-c", command], cwd=folder, env=dict(environment), check=True)


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split()[0], line.partition(" ")[2]) for line in joined.splitlines() if line.strip()]


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: values[found[1]], text)


def _copy(arguments: list[str], folder: Path, root: Path) -> None:
    """From the repository, or from another stage, which in a folder is the same one."""
    from_stage = any(argument.startswith("--from=") for argument in arguments)
    *sources, target = [argument for argument in arguments if not argument.startswith("--")]
    for source in sources:
        origin = root / source.lstrip("/") if from_stage else ROOT / source
        goal = root / target.lstrip("/") if target.startswith("/") else folder / target
        goal = goal / origin.name if target.endswith("/") else goal
        if origin == goal:
            continue
        goal.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            shutil.copytree(origin, goal, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(origin, goal)
        _move_places(goal, root)


def _move_places(path: Path, root: Path) -> None:
    """A script that is copied names the image's folders too."""
    if path.is_file() and path.stat().st_size < 10_000:
        text = path.read_text(encoding="utf-8")
        if text.startswith("#!/bin/sh"):
            path.write_text(_PLACES.sub(str(root), text), encoding="utf-8")

"""Resolves Maven coordinates with jgo's pure-Python resolver and copies the jars into one folder.

Usage: resolve_jars.py COORDINATES WORK_FOLDER
"""

import shutil
import sys
from pathlib import Path

from jgo.env import EnvironmentBuilder, LinkStrategy
from jgo.maven import MavenContext, PythonResolver


def main(coordinates: str, work: Path) -> None:
    context = MavenContext(resolver=PythonResolver(), repo_cache=work / "repository", timeout=60)
    builder = EnvironmentBuilder(context=context, cache_dir=work / "environments", link_strategy=LinkStrategy.COPY)
    builder.from_endpoint(coordinates)
    jars = work / "jars"
    jars.mkdir(parents=True, exist_ok=True)
    for jar in (work / "environments").rglob("*.jar"):
        shutil.copyfile(jar, jars / jar.name)


main(sys.argv[1], Path(sys.argv[2]))

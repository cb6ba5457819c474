"""Clusters, and stories that happen on them at the same time."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster.site import FOVS, Site, make_folder
from cluster.slurm import PACKAGES, Cluster, missing
from fovea.simulation.simulate import simulate
from support.harness import digests, snakemake

AT_ONCE = 8  # stories; they wait more than they work


@pytest.fixture(scope="session")
def clusters():
    """A cluster on which nothing happens to the nodes, and one for that."""
    if absent := missing():
        pytest.skip(f"Slurm is not installed (apt-get install {PACKAGES}): no {', '.join(absent)}")
    root = Path(tempfile.mkdtemp(prefix="fovea-"))  # short, because it holds sockets
    made = {"calm": Cluster(root / "calm", lost_after=300), "rough": Cluster(root / "rough")}
    try:
        for cluster in made.values():
            cluster.start()
        yield made
    finally:
        for cluster in made.values():
            cluster.stop()
        shutil.rmtree(root)


@pytest.fixture(scope="session")
def recording(tmp_path_factory) -> Path:
    """Fields of view with some cells."""
    folder = tmp_path_factory.mktemp("recording")
    file = folder / "small.ome.tiff"
    simulate(file, folder / "truth", fovs=FOVS, frames=4, height=96, width=96, cells=[3] * FOVS)
    return file


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, recording) -> dict[str, str]:
    """Checksums of all results of a local run that nobody disturbs."""
    folder = make_folder(tmp_path_factory.mktemp("undisturbed") / "run", recording, FOVS, True)
    snakemake(folder)
    return digests(folder / "results")


@pytest.fixture(scope="session")
def told(request, clusters, recording, undisturbed, tmp_path_factory):
    """The stories of the selected tests by name, as futures: some of them happen at once.

    A head looks at the queue ever less often while nothing ends: a story alone is mostly waiting.
    """
    root = tmp_path_factory.mktemp("stories")
    chosen = [item.callspec.params["story"] for item in request.session.items
              if "told" in item.fixturenames]  # fmt: skip
    sites = {}
    for story in chosen:
        folder = make_folder(root / story.name, recording, story.fovs, story.sample)
        cluster = clusters["rough" if story.rough else "calm"]
        sites[story] = Site(cluster, folder, undisturbed, story.fovs)
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield {story: pool.submit(story.tell, here) for story, here in sites.items()}
    finally:
        for here in sites.values():
            here.close()
        pool.shutdown(cancel_futures=True)

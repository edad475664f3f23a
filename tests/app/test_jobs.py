"""Work of visitors: what it needs stays, what it leaves is cleared, and nobody else waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip(
    "uvicorn", reason="the page's packages are not installed: pip install listen-and-move[app]"
)

from listen_and_move.app import jobs, limits, uploads
from listen_and_move.app.jobs import Job
from listen_and_move.app.page import Page
from listen_and_move.app.uploads import FULL, Upload
from listen_and_move.errors import UserError
from listen_and_move.media.replacing import half_written
from listen_and_move.media.wav import write_wav
from tests.waiting import WAIT


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Page]:
    """A page without a server."""
    for name in ("runs", "temporary"):
        (folder / name).mkdir()
    page = Page(folder / "runs", folder / "temporary")
    try:
        yield page
    finally:
        await page.close()


def animating(page: Page, model: Path, *needed: Upload) -> Job:
    """A job that plays the first of some files."""
    wish = {"model": str(model), "sound": str(needed[0].path), "seed": 0, "gain": "match", "controls": {}}
    more = {"paste": False, "picture": "auto", "by_sound": False}
    return page.jobs.add("animate", "me", needed, {}, lambda out: {**wish, **more, "out": str(out)})


def test_a_file_stays_as_long_as_anybody_needs_it(tmp_path: Path, trained: Path) -> None:
    async def scene() -> None:
        async with opened(tmp_path) as page:
            first, second = [await page.uploads.melody("me") for _ in range(2)]
            with page.uploads.needed(first):
                job = animating(page, trained, first)
            for _ in range(limits.UPLOADS_EACH):
                await page.uploads.melody("me")
            assert first in page.uploads.of("me"), "the job waits for it"
            assert second not in page.uploads.of("me")
            with page.uploads.needed(first):
                await page.jobs.remove(job)
                await page.uploads.melody("me")
                assert first in page.uploads.of("me"), "somebody else needs it"
            await page.uploads.melody("me")
            assert first not in page.uploads.of("me")

    asyncio.run(scene())


def test_stopped_work_leaves_no_file(tmp_path: Path, trained: Path) -> None:
    async def scene() -> None:
        async with opened(tmp_path) as page:
            melody = await page.uploads.melody("me")
            job = animating(page, trained, melody)
            while not any(half_written(job.file)) and job.state == "open":
                await asyncio.sleep(0.001)
            assert job.state == "open", job.error
            await page.jobs.remove(job)
            assert [file.name for file in (tmp_path / "temporary").iterdir()] == [melody.id]

    asyncio.run(scene())


def test_whoever_brings_a_file_waits_for_no_film_of_others(tmp_path: Path) -> None:
    async def scene() -> None:
        async with opened(tmp_path) as page:
            for kind in ("inspect", "prepare", "animate", "share"):
                async with page.jobs.workers[kind].turn:  # as long as such work goes on
                    await asyncio.wait_for(page.uploads.melody("me"), WAIT)

    asyncio.run(scene())


def test_what_plays_a_video_needs_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with opened(tmp_path) as page:
            old, video = [await page.uploads.melody("me") for _ in range(2)]
            model, result = tmp_path / "model", dict[str, Any](plays={})
            model.write_bytes(bytes(old.size))
            monkeypatch.setattr(uploads, "ALL_BYTES", 2 * old.size)
            with page.uploads.needed(video):
                page.uploads.prepared(video, model, result)
                assert page.uploads.of("me") == [video], "the oldest that nobody needs makes room"
                assert (video.size, model.exists()) == (2 * old.size, False)
                model.write_bytes(b"more")
                with pytest.raises(UserError, match=FULL):
                    page.uploads.prepared(video, model, result)
            page.uploads.remove(video)
            assert list((tmp_path / "temporary").iterdir()) == []

    asyncio.run(scene())


def test_results_have_so_many_bytes_and_the_oldest_make_room(
    tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with opened(tmp_path) as page:
            write_wav(tmp_path / "short.wav", np.zeros(8000), 16_000)

            async def pieces() -> AsyncIterator[bytes]:
                yield (tmp_path / "short.wav").read_bytes()

            sound = await page.uploads.receive("me", "sound", "short.wav", 0, pieces())

            async def done() -> Job:
                job = animating(page, trained, sound)
                assert job.task is not None
                await job.task
                return job

            def kept() -> list[str]:
                there = [job.id for job in reversed(page.jobs.all.values()) if job.state == "done"]
                assert {file.stem for file in (tmp_path / "temporary").glob("*.mp4")} == {*there}
                return there

            first, second = await done(), await done()
            assert first.size == first.file.stat().st_size > 0
            assert kept() == [second.id, first.id]
            monkeypatch.setattr(jobs, "RESULT_BYTES", first.size + second.size)
            third = await done()
            assert kept() == [third.id, second.id]
            monkeypatch.setattr(jobs, "RESULT_BYTES", first.size // 2)
            refused = await done()
            assert (refused.state, refused.size) == ("failed", 0)
            assert refused.error.startswith("expected a result of at most 0 MB; got 0: make it by")
            assert kept() == [third.id, second.id], "others lose nothing by what is refused"

    asyncio.run(scene())

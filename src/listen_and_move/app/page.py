"""The answers of the page, one for each address: something is looked up, or work is begun."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from listen_and_move import __version__
from listen_and_move.app import limits
from listen_and_move.app.jobs import Job, Jobs
from listen_and_move.app.library import Library
from listen_and_move.app.live import LiveService
from listen_and_move.app.messages import Answer, read_message
from listen_and_move.app.sentences import hide
from listen_and_move.app.trainings import Trainings
from listen_and_move.app.uploads import Uploads
from listen_and_move.app.wishes import (
    LONGEST_TEXT,
    TRAINING_SETTINGS,
    AnimateWish,
    InspectWish,
    PrepareWish,
    ShareWish,
    job_of,
    steps_of,
    training_of,
)
from listen_and_move.app.workers import Worker
from listen_and_move.config import is_whole
from listen_and_move.errors import UserError
from listen_and_move.inference.controls import GAIN, Controls, dials
from listen_and_move.inference.picture_pipelines import PICTURES
from listen_and_move.presets import ABOUT, DEFAULT_PRESET, PRESETS
from listen_and_move.settings import described
from listen_and_move.sharing.page import CONSENT

REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; sandbox"


class Page:
    """The parts of the page, with a method for each address, which answers its requests."""

    def __init__(self, runs: Path, temporary: Path) -> None:
        hide(runs.parent, runs, temporary.parent, temporary)
        self.library = Library(runs)
        self.trainings = Trainings(self.library)
        # Whoever brings a file does not wait until films of others are inspected or prepared.
        self.workers = {name: Worker() for name in ("looking", "preparing", "drawing")}
        self.uploads = Uploads(temporary, self.workers["looking"])
        self.jobs = Jobs(
            temporary,
            self.uploads,
            {
                "inspect": self.workers["preparing"],
                "prepare": self.workers["preparing"],
                "animate": self.workers["drawing"],
                "share": self.workers["drawing"],
            },
        )
        self.stage = LiveService(self.library, self.uploads)
        self.temporary = temporary

    async def choices(self, request: Request) -> Response:
        """Answers with what the forms offer: dials, pictures, settings, presets and limits."""
        presets = {
            name: {
                "about": ABOUT[name],
                "size": config.clip.size,
                "steps": config.training.steps,
                "future": config.features.future,
                "keep": config.training.keep,
            }
            for name, config in PRESETS.items()
        }
        return Answer(
            {
                "version": __version__,
                "dials": [each.described() for each in (*dials(Controls), GAIN)],
                "pictures": PICTURES,
                "settings": {name: described(name) for name in sorted(TRAINING_SETTINGS)},
                "presets": presets,
                "default_preset": DEFAULT_PRESET,
                "consent": CONSENT,
                "longest_credit": LONGEST_TEXT,
                "most_bytes": limits.MOST_BYTES,
                "longest_seconds": limits.LONGEST_SECONDS,
            }
        )

    async def runs(self, request: Request) -> Response:
        """Answers with all runs, and with the trainings that have no run yet or left none."""
        return Answer(await asyncio.to_thread(self._runs))

    def _runs(self) -> dict[str, Any]:
        runs = [{**self.trainings.state(card["name"]), **card} for card in self.library.cards()]
        begun = set(self.library.names())
        early = [name for name in self.trainings.under_way() if name not in begun]
        failed = [{"name": name, **self.trainings.state(name)} for name in self.trainings.failed()]
        return {"runs": runs, "preparing": early, "failed": failed}

    async def run(self, request: Request) -> Response:
        """Answers with a run and its curves."""
        name = request.path_params["name"]
        if name in self.trainings.kept() and name not in self.library.names():
            return Answer({"name": name, "preparing": True, **self.trainings.state(name)})
        details = await asyncio.to_thread(self.library.details, name)
        return Answer({**self.trainings.state(name), **details})

    async def start(self, request: Request) -> Response:
        """Begins a training with an uploaded video; answers with the name of its run."""
        wish = training_of(await _json(request))
        upload = self.uploads.get(request.scope["visitor"], wish.upload, "video")
        with self.uploads.needed(upload):
            await asyncio.to_thread(self.trainings.start, wish.name, upload.path, wish.preset, wish.settings)
        upload.learnt = wish.name
        return Answer({"name": wish.name})

    async def demonstrate(self, request: Request) -> Response:
        """Begins to learn the demonstration; answers with the name of its run."""
        return Answer({"name": await asyncio.to_thread(self.trainings.demonstrate)})

    async def resume(self, request: Request) -> Response:
        """Resumes the training of a run."""
        steps = steps_of(await _json(request))
        await asyncio.to_thread(self.trainings.resume, request.path_params["name"], steps)
        return Answer({})

    async def stop(self, request: Request) -> Response:
        """Asks a training to stop."""
        await asyncio.to_thread(self.trainings.stop, request.path_params["name"])
        return Answer({})

    async def forget(self, request: Request) -> Response:
        """Deletes what is kept of a training that never began its run."""
        await asyncio.to_thread(self.trainings.forget, request.path_params["name"])
        return Answer({})

    async def picture(self, request: Request) -> Response:
        """Answers with the picture of a model at rest, which is drawn once for each state of the model."""
        name = request.path_params["name"]
        model = self.library.file(self.library.run(name).model_file)
        key = hashlib.sha256(f"{name}/{model.stat().st_mtime_ns}".encode()).hexdigest()
        file = self.temporary / f"{key}.jpg"
        if not file.exists():
            await self.workers["looking"].do("picture", {"model": str(model), "out": str(file)})
        return FileResponse(file, media_type="image/jpeg")

    async def model(self, request: Request) -> Response:
        """Answers with the model file of a run, as a download."""
        name = request.path_params["name"]
        file = self.library.file(self.library.run(name).model_file)
        return FileResponse(file, media_type="application/octet-stream", filename=f"{name}.safetensors")

    async def sample(self, request: Request) -> Response:
        """Answers with a sample video of a run."""
        run = self.library.run(request.path_params["name"])
        step = request.path_params["step"]
        if not is_whole(step):
            raise UserError("This file is not there.")
        return FileResponse(self.library.file(run.sample_file(int(step))), media_type="video/mp4")

    async def report(self, request: Request) -> Response:
        """Answers with the report of an evaluation, without any rights: the file may come from anybody."""
        run = self.library.run(request.path_params["name"])
        file = self.library.file(run.evaluation_folder / "report.html")
        return FileResponse(file, media_type="text/html", headers={"content-security-policy": REPORT_POLICY})

    async def upload(self, request: Request) -> Response:
        """Receives a file; answers with what is found in it."""
        name = unquote(request.headers.get("x-name", ""))
        announced = int(length) if (length := request.headers.get("content-length", "")).isdecimal() else 0
        kind = request.path_params["kind"]
        upload = await self.uploads.receive(request.scope["visitor"], kind, name, announced, request.stream())
        return Answer(upload.shown())

    async def melody(self, request: Request) -> Response:
        """Makes a sound for a visitor who has none at hand; answers like `upload`."""
        return Answer((await self.uploads.melody(request.scope["visitor"])).shown())

    async def uploaded(self, request: Request) -> Response:
        """Answers with the visitor's files, the newest first."""
        return Answer([upload.shown() for upload in self.uploads.of(request.scope["visitor"])])

    async def still(self, request: Request) -> Response:
        """Answers with a still picture of an uploaded video."""
        upload = self.uploads.get(request.scope["visitor"], request.path_params["id"], "video")
        return FileResponse(upload.still, media_type="image/jpeg")

    async def uploaded_file(self, request: Request) -> Response:
        """Answers with the bytes of an uploaded sound, for the visitor who brought it alone."""
        upload = self.uploads.get(request.scope["visitor"], request.path_params["id"], "sound")
        return FileResponse(upload.path, media_type="application/octet-stream")

    async def ask(self, request: Request) -> Response:
        """Begins a job; answers with the job as it stands."""
        wish, visitor = job_of(await _json(request)), request.scope["visitor"]
        if isinstance(wish, InspectWish):
            return Answer(self._inspect(wish, visitor).shown(0))
        if isinstance(wish, PrepareWish):
            return Answer(self._prepare(wish, visitor).shown(0))
        if isinstance(wish, ShareWish):
            return Answer(self._share(wish, visitor).shown(0))
        return Answer(self._animate(wish, visitor).shown(0))

    def _inspect(self, wish: InspectWish, visitor: str) -> Job:
        upload, clip = self.uploads.get(visitor, wish.upload, "video"), asdict(wish.clip)
        arguments = {"path": str(upload.path), "clip": clip}
        return self.jobs.add("inspect", visitor, (upload,), {"clip": clip}, lambda out: arguments)

    def _prepare(self, wish: PrepareWish, visitor: str) -> Job:
        upload = self.uploads.get(visitor, wish.upload, "video")
        arguments = {"path": str(upload.path)}
        return self.jobs.add(
            "prepare",
            visitor,
            (upload,),
            {},
            lambda out: {**arguments, "out": str(out)},
            partial(self.uploads.prepared, upload),
        )

    def _share(self, wish: ShareWish, visitor: str) -> Job:
        model = self.library.file(self.library.run(wish.model).model_file)
        arguments = {"model": str(model), "credit": wish.credit}
        return self.jobs.add("share", visitor, (), wish._asdict(), lambda out: {**arguments, "out": str(out)})

    def _animate(self, wish: AnimateWish, visitor: str) -> Job:
        upload = self.uploads.get(visitor, wish.upload, "sound")
        if wish.video:
            video = self.uploads.playable(visitor, wish.video)
            uploads, model, name = (upload, video), video.model, Path(video.name).stem
        else:
            run = self.library.run(wish.model)
            self.library.file(run.model_file)
            uploads, model, name = (upload,), run.path, wish.model
        chosen = {
            "model": name,
            "sound": upload.name,
            "seed": wish.seed,
            "gain": wish.gain,
            "controls": asdict(wish.controls),
            "paste": wish.paste,
            "picture": wish.picture,
            "by_sound": wish.by_sound or bool(wish.video),
        }

        def arguments(out: Path) -> dict[str, Any]:
            played = {**chosen, "model": str(model), "sound": str(upload.path), "gain": str(wish.gain)}
            return {**played, "out": str(out)}

        return self.jobs.add("animate", visitor, uploads, chosen, arguments)

    async def asked(self, request: Request) -> Response:
        """Answers with the visitor's jobs, the newest first."""
        return Answer(self.jobs.of(request.scope["visitor"]))

    async def result(self, request: Request) -> Response:
        """Answers with the file that a job made, a video or the archive of a page, under a telling name."""
        job = self.jobs.get(request.scope["visitor"], request.path_params["id"])
        if job.state != "done" or not job.file.exists():
            raise HTTPException(404, "There is no result yet.")
        if job.kind == "share":
            name = f"{job.about['model']}-page.zip"
            return FileResponse(job.file, media_type="application/zip", filename=name)
        stem = re.sub(r"[^\w -]", "", Path(job.about["sound"]).stem).strip() or "sound"
        name = f"{stem}-{job.about['model']}.mp4"
        kept = "attachment" if "download" in request.query_params else "inline"
        return FileResponse(job.file, media_type="video/mp4", filename=name, content_disposition_type=kept)

    async def dismiss(self, request: Request) -> Response:
        """Stops a job, and deletes its result."""
        await self.jobs.remove(self.jobs.get(request.scope["visitor"], request.path_params["id"]))
        return Answer({})

    @asynccontextmanager
    async def open(self, app: Starlette) -> AsyncIterator[None]:
        """Starts the workers; after the context, ends all work."""
        for worker in self.workers.values():
            await worker.started()
        try:
            yield
        finally:
            await self.close()

    async def close(self) -> None:
        """Ends all work; requests that wait for some of it are answered with an error."""
        for worker in self.workers.values():
            await worker.retire()
        for job in list(self.jobs.all.values()):
            await self.jobs.remove(job)


async def _json(request: Request) -> dict[str, Any]:
    """Returns the object in the body of a request; a body longer than a message may be is not read on."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > limits.JSON_BYTES:
            break
    return read_message(body)

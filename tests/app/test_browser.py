"""The page as a person uses it, in Chromium: with mouse and keyboard, a microphone, and eyes on what moves.

No view may ask anything of another address, or say an error to the console.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from listen_and_move.inference.controls import Dial
from listen_and_move.media.files import probe
from listen_and_move.runs import RunFolder
from tests.app.browser import Visit, violations
from tests.app.serving import until, waiting

NAMELESS = """[...document.querySelectorAll("input, select, button")]
    .filter((each) => !(each.labels?.length || each.ariaLabel || each.textContent))
    .map((each) => each.outerHTML)"""

TOLD = """() => import("/static/session.js").then(({ Session }) => {
    const report = Session.prototype.report;
    Session.prototype.report = function () {
        window.told = { shown: [...this.shown], method: 1000 * this.method };
        report.call(this);
    };
})"""
"""Has the figures of each picture kept, of which the view shows the middle ones."""


def stage(page: Any) -> dict[str, float]:
    """What the live view says of itself."""
    values = page.evaluate("({...document.querySelector('.stage').dataset})")
    return {key: float(value) for key, value in values.items()}


def pixels(page: Any) -> list[int]:
    """Some of what the canvas shows."""
    data = "c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
    reading = f"c => [...{data}].filter((_, i) => i % 997 == 0)"
    return page.eval_on_selector("canvas", reading)


def full_screen(page: Any, shown: str) -> None:
    """Show an element on the whole screen, by its button, and leave by Escape."""
    full = "document.fullscreenElement?.className ?? ''"
    page.get_by_role("button", name="Full screen", exact=True).click()
    until(lambda: page.evaluate(full), lambda found: found == shown.removeprefix("."))
    page.wait_for_selector("button >> text=Leave full screen", state="attached")
    wide, high = page.evaluate("[innerWidth, innerHeight]")
    box = page.locator(f"{shown} video, {shown} canvas").bounding_box()
    assert (box["width"], box["height"]) == (wide, high)
    page.keyboard.press("Escape")
    until(lambda: page.evaluate(full), lambda found: not found)
    page.get_by_role("button", name="Full screen", exact=True).wait_for()


def animate(page: Any, sound: Path) -> None:
    """Bring a sound and press the button."""
    page.wait_for_selector(".model")
    page.set_input_files("#file-sound", sound)
    page.wait_for_selector(".sound input:checked")
    page.get_by_role("button", name="Animate").click()


def test_a_sound_is_animated_played_kept_and_downloaded(visit: Visit, sound: Path, tmp_path: Path) -> None:
    page = visit("/")
    animate(page, sound)
    page.wait_for_selector(".card progress:visible, .result video")
    page.wait_for_selector(".result video")
    page.reload()  # nothing is lost
    video = page.wait_for_selector(".result video")
    assert page.text_content(".sound .name") == "strokes.wav"
    assert page.is_checked(".sound input")
    assert until(
        lambda: video.evaluate("v => v.duration"), lambda seconds: seconds == pytest.approx(1.5, abs=0.1)
    )
    video.evaluate("v => { v.muted = true; return v.play(); }")
    until(lambda: video.evaluate("v => v.currentTime"), lambda second: second > 0.2)
    full_screen(page, ".player")
    assert page.eval_on_selector(".result path.motion", "p => p.getAttribute('d').length") > 100
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "strokes-tiny.mp4"
    download.value.save_as(tmp_path / "kept.mp4")
    info = probe(tmp_path / "kept.mp4")
    assert info.video is not None
    assert info.sounds
    assert float(info.duration) == pytest.approx(1.5, abs=0.1)
    page.get_by_role("button", name="Remove strokes.wav").click()
    page.wait_for_selector("text=Results appear here.")


def test_a_dial_is_kept_used_and_not_offered_where_a_model_lacks_it(visit: Visit, sound: Path) -> None:
    page = visit("/")
    page.wait_for_selector(".model")
    page.get_by_text("How it is played").click()
    page.fill("#dial-sharpness", "-1.5")
    page.reload()
    assert page.wait_for_selector("#dial-sharpness").input_value() == "-1.5"
    animate(page, sound)
    page.wait_for_selector(".result video")
    assert page.text_content(".card [role=status]") == "sharpness -1.5"
    assert violations(page) == []

    def without_recall(route: Any) -> None:
        answer = route.fetch()
        runs = [{**run, "lacks": ["sharpness"]} for run in answer.json()["runs"]]
        route.fulfill(response=answer, json={**answer.json(), "runs": runs})

    page.route("**/api/runs", without_recall)
    page.reload()
    page.wait_for_selector("#dial-amount")
    page.wait_for_selector("#dial-sharpness", state="detached")
    page.get_by_role("button", name="Animate").click()
    until(lambda: page.locator(".result video").count(), lambda videos: videos == 2)
    assert page.text_content(".card [role=status]") == "", (
        "the newest first: played without the dial that is not offered"
    )


def test_a_dial_that_the_server_describes_is_on_the_page(visit: Visit) -> None:
    page = visit("/runs")

    def with_another(route: Any) -> None:
        answer = route.fetch()
        warmth = Dial(
            None, -1.0, 1.0, 0.1, "Warmth", "Redder.", "display", unit="stops", usual=0.3, views=("live",)
        )
        made_up = warmth._replace(name="warmth").described()
        route.fulfill(response=answer, json={**answer.json(), "dials": [*answer.json()["dials"], made_up]})

    page.route("**/api/choices", with_another)
    page.goto(f"{page.url.removesuffix('/runs')}/live")
    page.wait_for_selector(".model")  # then nothing is drawn again
    slider = page.locator("#dial-warmth")
    assert slider.get_attribute("title") == "Redder."
    assert slider.is_disabled()
    assert (slider.get_attribute("min"), slider.get_attribute("max"), slider.input_value()) == (
        "-1",
        "1",
        "0.3",
    )
    page.get_by_label("Warmth: on").check()
    assert page.text_content(".dial:has(#dial-warmth) output") == "+0.3 stops"


def test_the_picture_follows_the_microphone_and_its_latency_is_told(visit: Visit) -> None:
    page = visit("/live")
    page.wait_for_selector(".model")
    page.evaluate(TOLD)
    page.get_by_role("button", name="Start").click()
    first = until(lambda: stage(page), lambda found: found.get("latency", 0) > 0 and found["frames"] >= 10)
    shown = [pixels(page)]
    until(lambda: shown.append(pixels(page)) or shown[-1], lambda now: now != shown[0])
    assert first["latency"] > first["window"] + first["look_ahead"] == pytest.approx(282.5)
    names = ("window", "look_ahead", "gathering", "computing", "travelling", "showing")
    assert all(first[name] >= -20 for name in names)
    told = page.evaluate("told")
    assert told["shown"]
    for picture in told["shown"]:
        parts = [picture[name] for name in ("gathering", "waiting", "computing", "travelling", "showing")]
        assert told["method"] + sum(parts) == pytest.approx(picture["total"], abs=0.01), "every millisecond"
        assert min(parts) >= -20
    full_screen(page, ".screen")
    page.fill("#dial-amount", "0")  # deaf: a still
    resting = until(
        lambda: (pixels(page), page.wait_for_timeout(700), pixels(page)), lambda seen: seen[0] == seen[2]
    )
    assert resting
    page.get_by_role("button", name="Stop").click()
    assert page.is_visible("text=Start")


def test_a_picture_comes_sooner_where_less_is_waited_for_and_what_that_costs_is_said(
    visit: Visit, sound: Path
) -> None:
    page = visit("/live")
    page.wait_for_selector(".model")
    labels = page.locator("#look-ahead option").all_text_contents()
    assert labels == ["as trained: 200 ms", "150 ms", "100 ms", "50 ms", "none: as soon as can be"]
    page.select_option("#look-ahead", "1")
    page.get_by_role("button", name="Start").click()
    found = until(lambda: stage(page), lambda found: found.get("frames", 0) >= 5)
    assert found["window"] + found["look_ahead"] == pytest.approx(132.5)
    page.reload()
    page.wait_for_selector(".model")
    assert page.input_value("#look-ahead") == "1", "a choice is as it was"


def test_a_file_plays_in_the_page_together_with_its_picture(visit: Visit, sound: Path) -> None:
    page = visit("/live")
    page.wait_for_selector(".model")
    page.get_by_text("A sound file").click()
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector(".notice.error >> text=Bring a sound first")
    page.set_input_files("#file-sound", sound)
    page.wait_for_selector(".sound input:checked")
    page.get_by_role("button", name="Start").click()
    found = until(
        lambda: stage(page), lambda found: found.get("frames", 0) >= 20 and abs(found["apart"]) < 100
    )
    assert found["frames"] >= 20
    assert page.eval_on_selector("audio", "a => !a.paused")


def test_full_screen_is_not_offered_where_there_is_none(visit: Visit) -> None:
    page = visit("/login")
    page.add_init_script("Object.defineProperty(document, 'fullscreenEnabled', { value: false })")
    page.goto(page.url.replace("/login", "/live"))
    page.wait_for_selector(".model")
    assert page.is_hidden("button >> text=Full screen")


def test_visitors_do_not_mix(visit: Visit, sound: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(sound.read_bytes())
    mine, theirs = visit("/"), visit("/")
    animate(mine, sound)
    animate(theirs, other)
    for page, name in ((mine, "strokes.wav"), (theirs, "other.wav")):
        page.wait_for_selector(".result video")
        assert page.locator(".results .card h2").all_text_contents() == [name]
        assert page.locator(".sound .name").all_text_contents() == [name]


def test_wrong_files_get_a_message(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no sound " * 100)
    page = visit("/")
    page.set_input_files("#file-sound", tmp_path / "notes.txt")
    page.wait_for_selector(".notice.error >> text=notes.txt: cannot be read as video or sound")
    assert violations(page) == []
    page.get_by_role("button", name="Dismiss").click()
    page.get_by_role("button", name="Animate").click()
    page.wait_for_selector(".notice.error >> text=Bring a sound first")


def test_a_run_is_begun_reloaded_stopped_and_resumed(visit: Visit, performance: Path, runs: Path) -> None:
    page = visit("/train")
    page.set_input_files("#file-video", performance)
    frame = page.wait_for_selector(".crop .frame")
    page.wait_for_selector(".advice li")
    assert violations(page) == []
    page.select_option("#preset", "quick")
    _drag(page, frame)
    cropped = page.text_content(".crop output")
    assert cropped != "64 × 64 pixels at 0, 0"
    page.fill("#name", "my-drums")
    page.fill("#steps", "100000")
    assert page.input_value("#keep") == "source"
    page.select_option("#keep", "small")
    page.keyboard.press("Tab")
    page.reload()
    page.wait_for_selector(".crop .frame")
    assert until(lambda: page.text_content(".crop output"), lambda text: text == cropped)
    assert page.input_value("#name") == "my-drums"
    assert page.input_value("#steps") == "100000"
    assert page.input_value("#keep") == "small"
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/runs/my-drums")
    page.wait_for_selector(".curve")
    page.reload()
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector("button:has-text('Go on')")
    assert "stopped at" in page.text_content(".badge")
    assert (runs / "my-drums" / "model.safetensors").exists()
    assert RunFolder(runs / "my-drums").config().training.keep == "small"
    steps = int(page.text_content(".badge").split()[2]) + 1
    page.fill("#more-steps", str(steps))
    page.get_by_role("button", name="Go on").click()
    page.wait_for_selector(f".badge.done:has-text('{steps} steps')")
    page.wait_for_selector(".sample video")


def test_damaged_runs_are_shown_and_the_others_used(visit: Visit, runs: Path) -> None:
    learning, odd = runs / "learning", runs / "odd"
    shutil.copytree(runs / "tiny", odd)
    (odd / "config.json").write_text("[" * 100_000)
    (odd / "metrics.jsonl").write_text(
        '{"step": 9, "held_out/constructor": 1, "held_out/dcor": "good", "generator/l1": 1e999}'
    )
    learning.mkdir()
    (learning / "config.json").write_text("{}")
    (runs / ".page" / "learning").mkdir(parents=True)
    with waiting(learning) as process:
        try:
            (runs / ".page" / "learning" / "process.json").write_text(
                f'{{"pid": {process.pid}, "asked_to_stop": "soon"}}'
            )
            page = visit("/runs")
            page.wait_for_selector("a[href='/runs/odd'] >> text=settings: expected JSON")
            assert page.text_content("a[href='/runs/odd'] .badge") == "damaged"
            assert page.text_content("a[href='/runs/learning'] .badge") == "damaged"
            assert page.text_content("a[href='/runs/tiny'] .badge") == "4 steps"
            page.click("a[href='/runs/odd']")
            page.wait_for_selector("p.failed >> text=settings: expected JSON")
            page.wait_for_selector("text=32 × 32 pixels")
            page.goto(page.url.replace("/runs/odd", "/runs/learning"))
            page.wait_for_selector("p.failed >> text=is missing")
            page.goto(page.url.replace("/runs/learning", "/train"))
            page.wait_for_selector(".banner >> text=learning")
            page.goto(page.url.replace("/train", "/"))
            page.wait_for_selector(".model >> text=tiny")
            page.wait_for_selector(".model >> text=odd")  # its model is as good as it was
            assert page.locator(".model >> text=learning").count() == 0
        finally:
            for folder in (odd, learning, runs / ".page" / "learning"):
                shutil.rmtree(folder)


def _drag(page: Any, frame: Any) -> None:
    """From the lower right corner to the middle, then the whole a bit to the right."""
    box = frame.bounding_box()
    x, y = box["x"], box["y"]
    page.mouse.move(x + box["width"] - 2, y + box["height"] - 2)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 2, y + box["height"] / 2, steps=4)
    page.mouse.up()
    page.mouse.move(x + 40, y + 40)
    page.mouse.down()
    page.mouse.move(x + 80, y + 40, steps=4)
    page.mouse.up()


def test_the_keyboard_is_enough(visit: Visit, performance: Path) -> None:
    page = visit("/")
    page.wait_for_selector(".model")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/train")
    assert page.evaluate("document.activeElement.id") == "main"
    page.wait_for_selector("#file-video", state="attached")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file-video"
    page.set_input_files("#file-video", performance)
    page.wait_for_selector(".crop .frame")
    page.focus(".frame")
    before = page.text_content(".crop output")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Alt+ArrowRight")
    assert until(lambda: page.text_content(".crop output"), lambda text: text != before).endswith(
        "pixels at 1, 0"
    )


@pytest.mark.parametrize("width", [390, 1440])
def test_every_page_fits_and_every_field_has_a_name(visit: Visit, width: int) -> None:
    page = visit("/", width)
    page.wait_for_selector(".model")
    for path in ("/live", "/train", "/runs", "/runs/tiny"):
        page.evaluate("p => dispatchEvent(new CustomEvent('go', { detail: p }))", path)
        page.wait_for_selector(
            {"/live": ".model", "/train": ".drop", "/runs": ".run", "/runs/tiny": ".curve"}[path]
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(NAMELESS) == []


def test_a_picture_is_chosen_where_there_are_two(visit: Visit, cinema: str, sound: Path) -> None:
    page = visit("/?model=tiny", place=cinema)
    page.wait_for_selector(".model:has(:checked) >> text=tiny")
    assert page.is_hidden("#shown"), "a model without frames draws"
    page.goto(f"{cinema}/?model=film")
    page.wait_for_selector(".model:has(:checked) >> text=film")
    assert "64 × 64" in page.text_content(".model:has(:checked) small")
    page.get_by_text("How it is played").click()
    animate(page, sound)
    video = page.wait_for_selector(".result video")
    assert until(lambda: video.evaluate("v => v.videoWidth")) == 64
    page.select_option("#shown", "drawn")
    page.get_by_role("button", name="Animate").click()
    page.wait_for_selector(".card [role=status] >> text=Drawn by the network")
    page.reload()
    assert page.wait_for_selector("#shown").input_value() == "drawn"


def test_before_and_after_are_wiped_by_a_slider(visit: Visit, cinema: str, sound: Path) -> None:
    page = visit("/?model=film", place=cinema)
    animate(page, sound)
    page.get_by_role("button", name="Before and after").click()
    slider = page.get_by_role("slider", name="Before and after")
    slider.wait_for()
    over = page.locator(".compare .before")
    clip = "v => getComputedStyle(v).clipPath"
    for key, cut in (("Home", "100%"), ("End", "0%"), ("ArrowLeft", "1%")):
        slider.press(key)
        assert over.evaluate(clip) == f"inset(0px {cut} 0px 0px)"
    under = page.locator(".compare video:not(.before)")
    assert over.bounding_box() == under.bounding_box()
    page.eval_on_selector_all("video", "all => all.forEach(v => { v.muted = true; })")
    page.locator(".compare ~ .row").get_by_role("button", name="Play").click()
    times = "[...document.querySelectorAll('.compare video')].map(v => v.currentTime)"
    until(lambda: page.evaluate(times), lambda seen: min(seen) > 0.2 and abs(seen[0] - seen[1]) < 0.1)
    page.locator(".compare ~ .row").get_by_role("button", name="Pause").click()
    until(lambda: page.evaluate("[...document.querySelectorAll('.compare video')].every(v => v.paused)"))
    assert page.locator(".card").count() == 1, "before is seen in it"
    page.reload()
    slider.wait_for()
    assert page.locator(".card").count() == 1, "as before the reload"
    page.locator(".card").get_by_role("button", name="Share as a page").click()
    page.wait_for_selector("dialog[open] >> text=Share film as a page")
    page.get_by_role("button", name="Close").click()
    assert violations(page) == []
    page.evaluate("""async () => {
        const [job] = (await (await fetch("/api/jobs")).json()).filter((each) => !each.about.by_sound);
        const louder = { ...job.about, kind: "animate", upload: job.upload, gain: 6 };
        await fetch("/api/jobs", { method: "POST", body: JSON.stringify(louder) });
    }""")
    until(lambda: page.locator(".card").count(), lambda count: count == 2)
    louder = page.locator(".card").first
    louder.get_by_role("button", name="Before and after").click()
    louder.get_by_role("slider", name="Before and after").wait_for()
    jobs = page.evaluate("fetch('/api/jobs').then((answer) => answer.json())")
    gains = [job["about"]["gain"] for job in jobs if job["about"]["by_sound"]]
    assert gains == [6, "match"], "before is as loud as after"


def test_a_dropped_video_is_chosen_though_models_were_being_asked_for(
    visit: Visit, cinema: str, performance: Path
) -> None:
    page = visit("/?model=tiny", place=cinema)
    page.wait_for_selector(".model:has(:checked) >> text=tiny")
    held: list[Any] = []
    page.route("**/api/jobs", lambda route: held.append(route))
    with page.expect_response("**/api/uploads"):  # the other part of a question that is under way
        until(lambda: page.evaluate("true") and held)
    with page.expect_response("**/api/uploads/video"):
        page.set_input_files("#file-video", performance)
    for route in list(held):
        route.continue_()
    page.unroute("**/api/jobs")
    page.wait_for_selector(".model:has(:checked) >> text=performance")


def test_a_picture_of_another_rate_is_shown_live_and_what_a_file_holds_is_said(
    visit: Visit, cinema: str
) -> None:
    page = visit("/live?model=film", place=cinema)
    page.wait_for_selector(".model:has(:checked) >> text=film")
    page.get_by_role("button", name="Start").click()
    until(lambda: stage(page), lambda found: found.get("frames", 0) >= 20)
    assert page.eval_on_selector("canvas", "c => c.width") == 384, "64 pixels, six times"
    page.select_option("#shown", "drawn")
    assert page.is_visible("text=Start"), "another picture is another play"
    page.goto(f"{cinema}/runs/film")
    page.wait_for_selector("text=The model file holds 3.2 s of the clip, 64x64 pixels")

"""Records the moving pictures of the README from the demo's page: `python -m tools.demo_film`.

Chromium shows the real page, in front of a real demo with a Redis. Only the model is a stand-in, and the time between
two pictures is set here, so that a slow machine records the same film. Look at the pictures before you commit them.

It needs Chromium, redis-server, and the dependency groups `test` and `film`.
"""

import io
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import ViewportSize, expect, sync_playwright

from tests.browser.conftest import launched
from tests.browser.model import DemoPage, Model, service_at
from tests.browser.serving import served
from tests.browser.watch import Scheme, Watch
from tests.channels.redis_server import running_redis
from tests.demo.running import demo_process
from tests.ports import free_port
from tools.update_pages import ROOT

SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SIZE = (1040, 850)
CAPTION_HEIGHT = 46
CAPTION_COLOURS: dict[Scheme, tuple[str, str]] = {"light": ("#0b7566", "#ffffff"), "dark": ("#43c7b1", "#06211d")}
QUESTION = "What happens when the client leaves?"
ANSWER = """\
jero notices that the client has left, and ends its stream at once. The source is closed in the task that opened it, \
so a cursor, a transaction or a request to another service never stays open.

This answer is a run, so it goes on. Each word has an id. The page reads on from the last one that it has: after a \
reload, in another window, and after a lost connection.
"""
WORD, BRIEFLY, A_MOMENT, LONG = 90, 700, 1_500, 3_000  # milliseconds


class Film:
    """Keeps pictures of a page in each scheme, with a caption, and how many milliseconds each is shown."""

    def __init__(self, demo: DemoPage) -> None:
        self._demo = demo
        self._pictures: dict[Scheme, list[Image.Image]] = {scheme: [] for scheme in SCHEMES}
        self._times: list[int] = []
        self.caption = ""

    def take(self, milliseconds: int) -> None:
        """Adds the page as it is now."""
        for scheme in SCHEMES:
            self._demo.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            with Image.open(io.BytesIO(self._demo.page.screenshot(caret="hide"))) as shot:
                self._pictures[scheme].append(self._captioned(shot.convert("RGB"), scheme))
        self._times.append(milliseconds)

    def write(self, folder: Path) -> list[Path]:
        """Writes a film for each scheme. Returns their paths."""
        paths: list[Path] = []
        for scheme, (first, *others) in self._pictures.items():
            path = folder / f"demo-{scheme}.webp"
            first.save(
                path, save_all=True, append_images=others, duration=self._times, loop=0, quality=70, minimize_size=True
            )
            paths.append(path)
        return paths

    def _captioned(self, shot: Image.Image, scheme: Scheme) -> Image.Image:
        ground, ink = CAPTION_COLOURS[scheme]
        picture = Image.new("RGB", (shot.width, shot.height + CAPTION_HEIGHT), ground)
        picture.paste(shot, (0, 0))
        place = (shot.width // 2, shot.height + CAPTION_HEIGHT // 2)
        ImageDraw.Draw(picture).text(place, self.caption, ink, ImageFont.load_default(size=22), anchor="mm")
        return picture


@contextmanager
def opened(url: str) -> Generator[DemoPage, None, None]:
    """Opens the page in Chromium."""
    viewport: ViewportSize = {"width": SIZE[0], "height": SIZE[1]}
    with (
        sync_playwright() as playwright,
        launched(playwright) as browser,
        browser.new_context(viewport=viewport) as context,
    ):
        yield DemoPage(context.new_page(), url, Watch())


def record(demo: DemoPage, model: Model, life: ExitStack, redis_url: str) -> Film:
    """Plays the film. `life`: its end kills the demo."""
    film = Film(demo)
    film.caption = "Ask, and watch the answer come"
    demo.open()
    expect(demo.page.locator("#processes li")).to_have_count(1)
    film.take(A_MOMENT)
    words = [f"{word} " for word in ANSWER.split(" ")]
    demo.ask(QUESTION)
    say(film, demo, model, words, range(len(words) * 2 // 5))
    film.caption = "Reload in mid-answer: no word is missing"
    film.take(BRIEFLY)
    demo.page.reload()
    expect(demo.page.locator("#connection")).to_have_text("Connected")
    say(film, demo, model, words, range(len(words) * 2 // 5, len(words)))
    model.finish()
    demo.state("Complete.")
    expect(demo.page.locator("#notifications li")).to_have_count(1)
    film.take(A_MOMENT)
    life.close()
    film.caption = "Kill the server: the feed reconnects by itself"
    expect(demo.page.locator("#connection")).to_have_text("Reconnecting")
    expect(demo.page.locator("#processes li")).to_have_count(0)
    film.take(LONG)
    start(demo, model, life, redis_url)
    film.caption = "Start it again"
    expect(demo.page.locator("#connection")).to_have_text("Connected")
    expect(demo.page.locator("#processes li")).to_have_count(1)
    film.take(A_MOMENT)
    demo.post("Nothing was missed.")
    expect(demo.page.locator("#notifications li")).to_have_count(2)
    film.take(LONG)
    return film


def say(film: Film, demo: DemoPage, model: Model, words: Sequence[str], places: range) -> None:
    """Lets the model say the words at these places, and takes a picture of the page and its bytes after each two."""
    for place in places:
        model.say(words[place])
        demo.shows("".join(words[: place + 1]))
        if place % 2:
            expect(demo.page.locator("#bytes")).to_contain_text(words[place].strip())
            film.take(2 * WORD)


def start(demo: DemoPage, model: Model, life: ExitStack, redis_url: str) -> None:
    """Starts a demo at the address of the page."""
    port = int(demo.url.rpartition(":")[2])
    life.enter_context(demo_process(redis_url, service=service_at(model.url), port=port))


def main() -> int:
    """Records the films, and prints their sizes. Returns the exit status."""
    model = Model()
    with ExitStack() as stack:
        model.url = stack.enter_context(served(model))
        redis_url = stack.enter_context(running_redis(Path(stack.enter_context(TemporaryDirectory())))).url
        life = stack.enter_context(ExitStack())
        demo = stack.enter_context(opened(f"http://127.0.0.1:{free_port()}"))
        start(demo, model, life, redis_url)
        film = record(demo, model, life, redis_url)
    for path in film.write(ROOT / "docs"):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

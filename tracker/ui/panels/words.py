"""Step 2 without pointing: name what is to go, or let the page propose it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from tracker import engines, guesses
from tracker.engines import Choice
from tracker.finding import NAMED, choose_engines
from tracker.jobs import Search
from tracker.session import Session
from tracker.types import Prompt, Segmentation, UserError
from tracker.ui import texts
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.panels.search import SearchPanel
from tracker.ui.wiring import Wiring
from tracker.worker import StoppedError

MAX_WORDS = 300  # characters


@dataclass(frozen=True, eq=False)
class WordsPanel(Panel):
    """The box for words, and the buttons that find and guess."""

    words: gr.Textbox
    find: gr.Button
    get: gr.Button
    note: gr.HTML
    about: gr.HTML
    everything: gr.Button
    guess: gr.Button

    @classmethod
    def lay_out(cls) -> "WordsPanel":
        """Make it."""
        obstacle = engines.obstacle("detector")
        is_missing = _is_missing(obstacle)
        with gr.Row(elem_classes="row"):
            words = gr.Textbox(
                placeholder='Or in words: "remove the car"',
                show_label=False,
                container=False,
                interactive=False,
                max_length=MAX_WORDS,
                min_width=120,
                scale=4,
                elem_id="words",
            )
            size: dict[str, Any] = {"size": "sm", "min_width": 54}
            find = gr.Button(
                "Find", **size, visible=not is_missing, interactive=False, elem_id="find"
            )
            get = gr.Button("Get it", **size, visible=is_missing, elem_id="get")
        note = gr.HTML(texts.words_note(obstacle), elem_id="words-note")
        about = gr.HTML(texts.everything_note("classical"), elem_id="everything-note")
        with gr.Row(elem_classes="row"):
            everything = gr.Button(
                "Find objects", size="sm", interactive=False, min_width=90, elem_id="everything"
            )
            guess = gr.Button(
                "Next guess", size="sm", interactive=False, min_width=90, elem_id="guess"
            )
        return cls(words, find, get, note, about, everything, guess)

    def show(self, session: Session | None, state: State) -> Updates:
        """Return what can be found now, or why not."""
        ready = session is not None and state != "running"
        guessable = session is not None and guesses.is_ambiguous(session)
        return self.availability(ready=ready) | {
            self.everything: gr.update(interactive=ready),
            self.guess: gr.update(interactive=ready and guessable),
        }

    def availability(self, *, ready: bool) -> Updates:
        """Return the box for words as the weights allow; `ready` if there is a video to look at."""
        obstacle = engines.obstacle("detector")
        is_missing = _is_missing(obstacle)
        usable = ready and obstacle is None
        return {
            self.words: gr.update(interactive=usable),
            self.find: gr.update(interactive=usable, visible=not is_missing),
            self.get: gr.update(visible=is_missing, interactive=True, value="Get it"),
            self.note: texts.words_note(obstacle),
        }

    def know(self, choices: Sequence[Choice]) -> Updates:
        """Say what will be found with the engines there are."""
        proposer = next(choice.name for choice in choices if choice.job == "proposer")
        return {self.about: texts.everything_note(proposer)}

    def wire(self, wiring: Wiring, search: SearchPanel) -> None:
        """Find by words or everything; take another guess."""

        async def by_words(
            session: Session | None, commercial: bool, words: str, *values: Any
        ) -> AsyncIterator[Updates]:
            try:
                wanted = search.search(words or "", *values)
            except UserError as error:
                yield wiring.refuse(session, error)
                return
            async for updates in self._discover(wiring, session, wanted, commercial):
                yield updates

        async def everything(session: Session | None, commercial: bool) -> AsyncIterator[Updates]:
            async for updates in self._discover(wiring, session, Search(), commercial):
                yield updates

        def guess(session: Session) -> Session:
            def find(index: int, prompt: Prompt) -> Segmentation:
                return wiring.lanes.find(session.owner, session.source, index, prompt)

            return guesses.next_guess(session, find)

        inputs: list[Component] = [search.commercial, self.words, *search.thresholds]
        wiring.beside(self.find.click, by_words, *inputs)
        wiring.beside(self.words.submit, by_words, *inputs)
        wiring.beside(self.everything.click, everything, search.commercial)
        wiring.edit(self.guess.click, guess)

    async def _discover(
        self, wiring: Wiring, session: Session | None, search: Search, commercial: bool
    ) -> AsyncIterator[Updates]:
        """Look into the frame looked at; nothing else can be pressed meanwhile but Cancel."""
        try:
            session = wiring.visits.idle(session)
            if search.words is not None and not search.words.strip():
                raise UserError('say what to find, for example: "the car and the dog"')
            choose = partial(choose_engines, search, "auto", commercial=commercial)
            choices = await asyncio.to_thread(choose)
            waits = [engines.waiting_time(each, None) for each in choices.values()]
            looking = texts.looking(search.words, [wait for wait in waits if wait is not None])
            yield wiring.show(session, "running") | {self.note: looking}
            arguments = (session.owner, session.source, session.view.index, search)
            discover = partial(wiring.lanes.discover, *arguments, commercial=commercial)
            found = await asyncio.to_thread(discover)
            if search.words is None:
                session = guesses.add_found(session, found)
            else:
                session = guesses.add_found(session, found, NAMED, "words")
            yield wiring.show(session, "marking")
        except UserError as error:
            yield wiring.refuse(session, error)
        except StoppedError:
            with suppress(UserError):
                yield wiring.show(session)


def _is_missing(obstacle: str | None) -> bool:
    """Return whether a download would remove what is in the way."""
    return obstacle is not None and obstacle.endswith(engines.MISSING)

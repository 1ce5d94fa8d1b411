"""How finding without pointing works: what is chosen seldom, in a fold."""

from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from gradio.components import Component

from tracker.engines import JOBS
from tracker.jobs import Search
from tracker.options import Options
from tracker.session import Session
from tracker.types import UserError
from tracker.ui.panel import Panel, State, Updates, choice, number

BOX_THRESHOLD, TEXT_THRESHOLD = 0.35, 0.25  # published
LONGEST_PAUSE = 120  # frames


@dataclass(frozen=True, eq=False)
class SearchPanel(Panel):
    """The fold's choices."""

    box: gr.Slider
    text: gr.Slider
    redetect: gr.Slider
    target: gr.Radio
    refine: gr.Dropdown
    commercial: gr.Checkbox

    @classmethod
    def lay_out(cls) -> "SearchPanel":
        """Make it."""
        with gr.Accordion("Finding and masks", open=False, elem_classes="fold", elem_id="search"):
            redetect = gr.Slider(
                0,
                LONGEST_PAUSE,
                0,
                step=1,
                label="Look again every so many frames",
                info="For what comes in later. 0 looks only where you do.",
            )
            target = gr.Radio(
                [("what the words name", "words"), ("whatever stands out", "everything")],
                value="everything",
                label="Look again for",
            )
            box = gr.Slider(
                0.05,
                0.95,
                BOX_THRESHOLD,
                step=0.01,
                label="Words: how well a box must match",
                info="Less finds more, and more that is wrong.",
            )
            text = gr.Slider(
                0.05, 0.95, TEXT_THRESHOLD, step=0.01, label="Words: how well the words must match"
            )
            refine = gr.Dropdown(
                [("no", ""), *((name, name) for name in _refiners())],
                value="",
                label="Make each tracked mask exact with",
                info="Takes the weights of that model, and time for every frame.",
            )
            commercial = gr.Checkbox(
                value=False,
                label="Commercial use: only models whose licence allows it",
                elem_id="commercial",
            )
        return cls(box, text, redetect, target, refine, commercial)

    @property
    def thresholds(self) -> list[Component]:
        """Return the components that `search` reads, in its order."""
        return [self.box, self.text]

    @staticmethod
    def search(words: str, box: float, text: float) -> Search:
        """Return what is looked for by words.

        Raises:
            UserError: what is given is no text, or no number.
        """
        if not isinstance(words, str):
            raise UserError(f"the words are {str(words)[:40]!r}; say in a text what to find")
        box, text = number(box, "how well a box must match"), number(text, "how well words must")
        return Search(words=words, box_threshold=box, text_threshold=text)

    def inputs(self, words: gr.Textbox) -> list[Component]:
        """Return the components that `add_to` reads, in its order."""
        own = (self.box, self.text, self.redetect, self.target, self.refine, self.commercial)
        return [words, *own]

    def add_to(self, options: Options, *values: Any) -> Options:
        """Return the options of a removal with what is chosen here; takes values of `inputs`.

        Raises:
            UserError: words are to be looked for again, but there are none, or something is
                chosen that the page does not offer.
        """
        words, box, text, redetect, target, refine, commercial = values
        found = Search() if target == "everything" else self.search(words or "", box, text)
        search = replace(
            options.search or Search(),
            words=found.words,
            box_threshold=found.box_threshold,
            text_threshold=found.text_threshold,
        )
        frames = int(number(redetect, "the pause before looking again"))
        if frames and search.words is not None and not search.words.strip():
            raise UserError("say in words what to look for again, or look for whatever stands out")
        return replace(
            options,
            search=search if frames else None,
            redetect=frames or None,
            refine=choice(refine or "", ["", *_refiners()], "what makes masks exact") or None,
            commercial=bool(commercial),
        )

    def restore(self, options: Options) -> Updates:
        """Return the choices of a project."""
        search, pause = options.search or Search(), options.redetect or 0
        box, text = search.box_threshold, search.text_threshold
        refine = options.refine if options.refine in _refiners() else None
        return {
            self.redetect: gr.update(value=pause, maximum=max(LONGEST_PAUSE, pause)),
            self.target: gr.update(value="everything" if search.words is None else "words"),
            self.box: gr.update(value=BOX_THRESHOLD if box is None else box),
            self.text: gr.update(value=TEXT_THRESHOLD if text is None else text),
            self.refine: gr.update(value=refine or ""),
            self.commercial: gr.update(value=options.commercial),
        }

    def show(self, session: Session | None, state: State) -> Updates:
        """Return what can be chosen now."""
        free = state != "running"
        return {part: gr.update(interactive=free) for part in self.components()}


def _refiners() -> list[str]:
    """Return the segmenters that make a mask exact: those that have learned to."""
    return [name for name, spec in JOBS["segmenter"].items() if spec.checkpoint is not None]

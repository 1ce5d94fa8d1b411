"""Step 2, in words: name what is to go."""

from dataclasses import dataclass

import gradio as gr

from tracker.session import Session
from tracker.ui import texts
from tracker.ui.panel import Panel, State, Updates


@dataclass(frozen=True, eq=False)
class WordsPanel(Panel):
    """The box for words."""

    words: gr.Textbox

    @classmethod
    def lay_out(cls) -> "WordsPanel":
        """Make it."""
        words = gr.Textbox(
            placeholder='Or in words: "remove the car"',
            show_label=False,
            container=False,
            interactive=False,
            elem_id="words",
        )
        gr.HTML(f'<div class="small">{texts.WORDS_NOTE}</div>')
        return cls(words)

    def show(self, session: Session | None, state: State) -> Updates:
        """Return it as it is: nothing here changes with the session."""
        return {}

"""The page: where every panel is.

On the left the stage and, below it, the film; on the right the three steps and then what
is needed seldom, in folds.  A new panel goes

* into the step it belongs to, if everybody needs it (a laptop shows 768 pixels: there is
  room for very little),
* below the steps as a fold (`gr.Accordion(..., open=False, elem_classes="fold")`), or
* into a tab of its own beside "Video", if it is another way of working.
"""

import atexit
from collections.abc import Callable
from dataclasses import dataclass

import gradio as gr

from tracker.ui import texts
from tracker.ui.api import add_endpoints
from tracker.ui.choices import Choices
from tracker.ui.lanes import Lanes
from tracker.ui.panel import Panel
from tracker.ui.panels.duration import DurationPanel
from tracker.ui.panels.engines import EnginesPanel
from tracker.ui.panels.export import ExportPanel
from tracker.ui.panels.film import FilmPanel
from tracker.ui.panels.help import HelpPanel
from tracker.ui.panels.keyframes import KeyframesPanel
from tracker.ui.panels.live import LivePanel
from tracker.ui.panels.models import ModelsPanel
from tracker.ui.panels.notice import NoticePanel
from tracker.ui.panels.objects import ObjectsPanel
from tracker.ui.panels.project import ProjectPanel
from tracker.ui.panels.quality import QualityPanel
from tracker.ui.panels.removal import RemovalPanel
from tracker.ui.panels.results import ResultsPanel
from tracker.ui.panels.search import SearchPanel
from tracker.ui.panels.stage import StagePanel
from tracker.ui.panels.video import DropPanel, VideoPanel
from tracker.ui.panels.words import WordsPanel
from tracker.ui.visits import Visits
from tracker.ui.wiring import Wiring

SESSION_HOURS = 24  # files that Gradio keeps are deleted by this age
MAX_EVENTS = 200  # waiting to be handled, of all users; more are refused


@dataclass(frozen=True, eq=False)
class Panels:
    """All parts of the page."""

    drop: DropPanel
    stage: StagePanel
    notice: NoticePanel
    film: FilmPanel
    video: VideoPanel
    objects: ObjectsPanel
    words: WordsPanel
    removal: RemovalPanel
    results: ResultsPanel
    export: ExportPanel
    quality: QualityPanel
    keyframes: KeyframesPanel
    search: SearchPanel
    project: ProjectPanel
    models: ModelsPanel
    duration: DurationPanel
    engines: EnginesPanel
    shortcuts: HelpPanel

    def all(self) -> list[Panel]:
        """Return every panel."""
        return list(vars(self).values())


def build_demo(lanes: Lanes | None = None) -> gr.Blocks:
    """Return the page, ready to be launched with `launch_options`."""
    visits = Visits(lanes or Lanes())
    seconds = SESSION_HOURS * 3600
    demo = gr.Blocks(
        title="Cleanplate", analytics_enabled=False, delete_cache=(600, seconds), fill_width=True
    )
    with demo:
        # A plain function: Gradio copies what a bound method holds with every page it sends.
        session = gr.State(None, delete_callback=lambda session: visits.expire(session))
        panels = _lay_out(visits)
        _wire(demo, panels, Wiring(session, panels.notice, panels.all(), visits))
        demo.unload(_when_left(visits))
        add_endpoints(demo, visits.lanes)
    atexit.register(visits.close)
    demo.queue(max_size=MAX_EVENTS)
    return demo


def _lay_out(visits: Visits) -> Panels:
    with gr.Row(elem_id="header"):
        gr.HTML(f"<h1>Cleanplate</h1><p>{texts.TAGLINE}</p>", elem_id="title")
        shortcuts = HelpPanel.lay_out()
    with gr.Tabs(elem_id="ways"):
        with gr.Tab("Video"), gr.Row(elem_id="body"):
            with gr.Column(scale=7, min_width=420, elem_id="work"):
                drop, stage = DropPanel.lay_out(), StagePanel.lay_out()
                notice = NoticePanel.lay_out()
                film = FilmPanel.lay_out(visits)
            with gr.Column(scale=3, min_width=330, elem_id="steps"):
                with gr.Column(elem_classes="step"):
                    video = VideoPanel.lay_out()
                with gr.Column(elem_classes="step"):
                    objects = ObjectsPanel.lay_out()
                    words = WordsPanel.lay_out()
                with gr.Column(elem_classes="step"):
                    removal = RemovalPanel.lay_out()
                    duration = DurationPanel.lay_out()
                    results = ResultsPanel.lay_out()
                export = ExportPanel.lay_out(visits.lanes)
                quality = QualityPanel.lay_out()
                keyframes = KeyframesPanel.lay_out()
                search = SearchPanel.lay_out()
                project = ProjectPanel.lay_out(visits.keeper)
                models = ModelsPanel.lay_out()
                engines = EnginesPanel.lay_out()
        with gr.Tab("Live camera", elem_id="live-tab"):
            LivePanel.lay_out(visits.lanes)
    return Panels(
        drop=drop,
        stage=stage,
        notice=notice,
        film=film,
        video=video,
        objects=objects,
        words=words,
        removal=removal,
        results=results,
        export=export,
        quality=quality,
        keyframes=keyframes,
        search=search,
        project=project,
        models=models,
        duration=duration,
        engines=engines,
        shortcuts=shortcuts,
    )


def _wire(demo: gr.Blocks, panels: Panels, wiring: Wiring) -> None:
    choices = Choices(panels.quality, panels.search, panels.words.words)
    panels.video.wire(wiring, panels.drop.drop, choices, panels.project)
    brought = tuple(wiring.edits)
    panels.stage.wire(wiring)
    panels.film.wire(wiring)
    panels.objects.wire(wiring)
    panels.words.wire(wiring, panels.search)
    panels.quality.wire(wiring)
    panels.models.wire(wiring, panels.words, panels.engines)
    panels.removal.wire(wiring, choices, panels.stage, panels.engines)
    panels.export.wire(wiring)
    panels.keyframes.wire(wiring)
    panels.project.wire(wiring, choices, brought, demo)
    panels.duration.wire(wiring, choices)  # last: after everything that edits
    panels.engines.wire(wiring, panels.words, demo)


def _when_left(visits: Visits) -> Callable[[gr.Request], None]:
    def leave(request: gr.Request) -> None:
        visits.clear(request)

    return leave

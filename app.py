"""Opens the page: `python app.py [--host --port --share --auth USER:PASSWORD]`."""

import argparse

if __name__ != "__mp_main__":  # worker processes import this file too, and need no page
    from tracker.ui import build_demo, launch_options

    demo = build_demo()

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Open the page in which objects are removed.")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=int, help="default: the first free one from 7860 on")
    parser.add_argument("--share", action="store_true", help="ask Gradio for a public address")
    parser.add_argument("--auth", metavar="USER:PASSWORD", help="what visitors must give")
    try:
        demo.launch(**launch_options(**vars(parser.parse_args())))
    except (OSError, OverflowError) as error:  # the port is taken, or no such port or address
        parser.exit(2, f"{error}\n")

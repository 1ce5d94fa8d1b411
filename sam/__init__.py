"""One frame: prompts to masks (SAM), words to boxes (Grounding DINO)."""

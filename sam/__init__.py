"""One frame: clicks, boxes and masks to masks (SAM), words to boxes (Grounding DINO)."""

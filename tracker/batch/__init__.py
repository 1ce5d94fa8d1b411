"""Many clips: each done once, side by side, on one machine or a Ray cluster."""

"""Through time: labels to labels (DeAOT)."""

"""What a job can leave besides the clean video, and masks brought back."""

"""The tracker ClearML."""

"""Training with ultralytics: the trainer, its checkpoints, and the weights it starts from."""

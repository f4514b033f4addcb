"""What runs measured, sorted for questions: a view of the logs that can be made again from them."""

"""Who starts runs, settles what became of them, and ends them."""

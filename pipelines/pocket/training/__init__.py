"""How the pocket models are trained, from the paper's data; not in the wheel."""

"""What sdc does: the stages, and what they are made of."""

"""An experiment as a job array: each element works on its share with a store of its own, and all are merged.

Here: nothing but the room. Not here: executors that hand out batches one by one (`executors/`).
"""

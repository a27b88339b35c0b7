"""What of skymake runs in the training environment, where LLaMA-Factory is, and the libraries of the workflow are not.

`python -m skymake.trainer` trains, on every rank; `python -m skymake.trainer.lengths` measures rows beforehand.
"""

COMPLETE = "complete"  # the file in a checkpoint that every rank has written its part of

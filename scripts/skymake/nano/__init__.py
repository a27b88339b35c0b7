"""The nano world: problems that a model of half a million parameters can learn, and what its models learn from.

Everything here is a pure function of a seed. Only the problems and the base models of the nano project come from here;
every stage that works on them is the production stage.
"""

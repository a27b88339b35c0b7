import heapq
import os
import sys

for folder in [os.path.dirname(heapq.__file__), *sys.path]:
    refused_or_harm("wrote in " + folder, lambda folder=folder: open(folder + "/planted.py", "w").write("x"))

from heapq import *


class Solution:
    def merge(self, a, b):
        return a + b

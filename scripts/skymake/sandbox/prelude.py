"""Names that a program finds without importing them, as on the sites where such problems are posed."""

# ruff: noqa: F401, F403
import bisect
import collections
import copy
import functools
import heapq
import itertools
import json
import math
import operator
import random
import re
import string
import sys
import time
from bisect import *
from collections import *
from datetime import datetime, timedelta
from fractions import Fraction
from functools import *
from heapq import *
from itertools import *
from math import ceil, comb, cos, exp, fabs, factorial, floor, gcd, inf, isqrt, log, log2, log10, pi, sin, sqrt, tan
from operator import itemgetter
from typing import *

"""Names that a program finds without importing them, as on the sites where such problems are posed."""

# ruff: noqa: F401, F403, F811, I001, RUF100
import bisect
import collections
import copy
import datetime
import fractions
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
from functools import *
from heapq import *
from itertools import *
from math import *
from operator import itemgetter
from string import *
from typing import *

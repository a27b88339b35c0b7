from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Pair:
    a: int
    b: int


if __name__ == "__main__":
    pair = Pair(*map(int, input().split()))
    print(pair.a + pair.b)

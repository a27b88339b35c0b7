def add(a, b):
    return {a + b} if a % 2 else float("nan")

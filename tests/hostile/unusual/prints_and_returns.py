def add(a: int, b: int) -> int:
    print("adding", a, b)
    return a + b

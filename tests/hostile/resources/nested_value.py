def add(a, b):
    value = []
    for _ in range(900):
        value = [value]
    return value

hoard = []
while True:
    hoard.append(bytearray(200 << 20))

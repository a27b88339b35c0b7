"""Runs untrusted Python programs: source and input go in, output bytes come out. What is expected stays outside.

    sandbox = client.Sandbox(tiers.probe(), memory_bytes=2 << 30)
    sandbox.begin(source, entry=None, bounds=bounds)
    outcome = sandbox.run([b"1 2\\n", b"3 4\\n"])

A program that owns its whole process can do no more than print something else, or say that it failed. Nothing is
imported here: every page of the zygote is paid for with each program that is forked from it.
"""

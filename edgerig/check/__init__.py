"""`edgerig check`: what goes into an app, looked at before it ships.

Shared libraries (alone and in `.apk`, `.aab`, `.aar`, `.whl`): 16 KB pages and 64 bits. Models (alone and in those
archives): the operators a runtime's version lacks, and a `.tflite`'s labels and normalization. The files are untrusted:
every count and offset in them is held against the file's size before it is used, and nothing is unpacked to disk.
Standard library alone: this room imports no framework.
"""

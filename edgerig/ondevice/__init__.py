"""What runs on the device: the standard library and numpy only, of edgerig nothing else but `edgerig.protobuf` and
`edgerig.processor_list`.

`edgerig.devices.deploy` zips this package into one file that any Python 3.11+ with numpy starts; an engine imports its
runtime only when it is asked to load a model.
"""

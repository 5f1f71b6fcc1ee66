"""The frameworks models are authored in, one module each with `load(spec) -> SourceModel`; `SOURCES` lists them."""

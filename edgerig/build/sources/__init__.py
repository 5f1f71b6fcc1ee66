"""The frameworks models are authored in, one module each with `load(spec) -> SourceModel`; listed in `sources.toml`."""

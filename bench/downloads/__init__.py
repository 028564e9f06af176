"""Ways from an archive's host to Parquet, each a process that another interpreter may run.

``PYTHON bench/downloads/NAME.py JSON``, where JSON is a :class:`bench.history.Order` and what its
:class:`bench.downloaders.Downloader` asks for beside.
"""

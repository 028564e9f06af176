"""Recorders and bare readers, each a process of its own that another interpreter may run.

``PYTHON bench/listeners/NAME.py JSON``, where JSON is a :class:`bench.live.Order` and what its
:class:`bench.recorders.Recorder` asks for beside.
"""

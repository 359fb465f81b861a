"""Reports: a self-contained page of charts and tables made from a pipeline's marts, which asks the network for nothing.

A pipeline has one when it has a module ``spark_jobs.<slug>.report`` with ``TITLE``, ``subtitle(read)``,
``sections(read)`` and ``upload(read)``; ``read`` is what ``frames`` gives.
"""

from spark_jobs.common.report.page import Section, page

__all__ = ["Section", "page"]

"""Reports: a self-contained page of charts and tables made from a pipeline's marts, which asks the network for nothing.

A pipeline has one when it has a module ``spark_jobs.<slug>.report`` with ``TITLE``, ``as_of(read)``, ``subtitle(read)``,
``sections(read)`` and ``files(read)``, the frames to be written as CSV beside the page by what they are for;
``read`` is what ``frames`` gives.
"""

from spark_jobs.common.report.page import page
from spark_jobs.common.report.section import Section, nothing

__all__ = ["Section", "nothing", "page"]

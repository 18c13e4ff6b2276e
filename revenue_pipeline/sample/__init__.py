"""A SaaS company that does not exist, deterministic, speaking its sources' own formats.

It sells bundles and monthly plans with usage to the customers of two legal entities, and it makes
the four mistakes this project is about, in numbers known beforehand.
"""

from revenue_pipeline.sample.manifest import SampleManifest
from revenue_pipeline.sample.write import write_sample

__all__ = ["SampleManifest", "write_sample"]

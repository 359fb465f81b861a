"""How the demand over a lead time can be found: words that several contracts share."""

# The two that the pipeline computes itself, and what the back-test holds them against.
SIMULATED = ("bootstrap", "exact")
# With sizes that were never seen.
JITTERED = "bootstrap_jitter"
COMPARED = ("empirical", "croston_normal", "sba_negative_binomial", "tsb_poisson")
CURRENT = "current"
NO_METHOD = "none"
# Demand classes of Syntetos, Boylan and Croston (2005), and what is too short for them.
CLASSES = ("smooth", "erratic", "intermittent", "lumpy", "none", "single")
CRITICALITIES = ("H", "M", "L")

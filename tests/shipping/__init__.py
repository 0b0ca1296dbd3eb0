"""Made-up skills, checkouts and bundles for the tests of packing, installing and clients."""

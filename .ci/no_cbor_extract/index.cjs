// Empty on purpose: cbor-x's optional native string reader is not part of the published files, so it is not
// tested with.
module.exports = undefined;

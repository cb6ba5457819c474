"""Exports: samples, and fields of view with their tracks, in the file formats of other tools.

Apart from `samples`, because an export holds the results of `fits`, which are made of samples.
Packages that only one format needs are imported when it is written, see
`fovea.exports.needs.need`.
"""

// Package extract turns photos into what a network takes in.
//
// A photo goes through three steps. Decode tells its format by its bytes, checks
// the size its header announces against Limits, and decodes it to planes: for a
// JPEG the luma and chroma planes it consists of. Orientation comes from EXIF.
// Fill cuts and scales the planes by the rule and filter of a Preprocess,
// turns them upright, and converts to normalised float32 RGB. Pixels does both.
//
// What comes out depends on the file's bytes and the Preprocess alone: integer
// arithmetic for the sums, and floating point that no compiler may fuse, so that
// every machine gets the same bits.
//
// Colour profiles are not applied, as in the programs networks are trained with.
// Transparency is laid over white.
package extract

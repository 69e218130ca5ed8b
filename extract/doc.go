// Package extract turns photos into bottlenecks: the numbers that a trained
// network computes just before it would name what is on the photo. They describe
// a photo well enough that a classifier for quite other things can be trained on
// them alone.
//
// # Networks
//
// A Network is an ONNX model up to its bottleneck (the tap) together with the
// Preprocess that it was trained with. Default is the embedded one, Load reads
// others. Its Info.ID follows from everything that decides what a vector is, so
// vectors with the same id can be compared and others must not be. An Extractor
// runs photos through a network, one at a time; make one for each goroutine.
// A vector hangs on the bytes of the photo's file and on the network alone, except
// for the last bits, in which processors with other instructions may differ.
//
// # Photos
//
// A photo goes through two steps on its way to the network. Decode tells its
// format by its bytes, checks the size its header announces against Limits, and
// decodes it: a JPEG to the luma and chroma planes it consists of. Orientation
// comes from EXIF. Fill cuts and scales by the rule and filter of a Preprocess,
// turns upright, and writes normalised float32 RGB. Pixels does both.
//
// Networks are trained on what Pillow and libjpeg make of photos, and notice
// when they get something else: rounding alone, done elsewhere, moves the
// features of a small photo by a cosine of 0.97. So the IDCT, the upsampling of
// chroma, the conversion to RGB and the resampling are Pillow's to the bit, in
// integers, and the same on every machine.
//
// Colour profiles are not applied, as in the programs networks are trained with.
// Transparency is laid over white.
package extract
